//! Whoever asks is answered, unless a fault stands in the way. A 503, a timeout or a cut connection is excused only where a
//! fault lies between the client and the database that its process needs, and for a short grace after the fault is healed.

use crate::ask::fault::{Fault, Party, Role, Server, Target};
use crate::ask::moment::Moment;
use crate::history::{FaultLife, History, Op};
use crate::judge::basis::{Unjudgeable, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

/// So many requests at once are more than a process serves at once, several times over: what then stays without an answer
/// may be the load's doing, and shows nothing.
const OVERLOAD: usize = 64;
/// How long after a heal an answer may still be missing: a process starts, pools connect again, clients' own connections
/// are found dead.
const GRACE_US: u64 = 2_000_000;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let faults = Fault::all(scenario(history)?).map_err(Unjudgeable::Fault)?;
    let mut inquiry = Inquiry::new("availability");
    for (number, op) in history.ops() {
        if !op.is_unknown() {
            continue;
        }
        if faults
            .iter()
            .enumerate()
            .any(|(index, fault)| excuses(history, index, fault, op))
        {
            inquiry.count("requests without an answer, excused by a fault", 1);
            continue;
        }
        if under_way(history, op) >= OVERLOAD {
            let example = format!(
                "op {number} over {}: {OVERLOAD} or more requests were under way at once",
                op.via
            );
            inquiry.object(
                Verdict::Unknown,
                "requests without an answer under more load than was answered",
                example,
            );
            continue;
        }
        let saw = op
            .outcome()
            .map_or("no answer".to_owned(), |outcome| format!("{outcome:?}"));
        let example = format!(
            "op {number} over {}: {saw}, and no fault stood in its way",
            op.via
        );
        inquiry.fail("requests without an answer that no fault excuses", example);
    }
    Ok(inquiry.conclude(history.ops().len(), "requests"))
}

/// Whether the fault stood between this request and its answer at any moment.
fn excuses(history: &History, index: usize, fault: &Fault, op: &Op) -> bool {
    let Some(life) = history.faults().get(&index) else {
        return false;
    };
    (stands_in_the_way(&fault.target, &op.via) && overlaps(history, life, op))
        || (holds_up(&fault.moment, &op.via) && overlaps_holding(history, life, op))
}

/// Whether the lab itself holds the message up at which a fault is to strike, until it is in place: that of a request, or that of a
/// transaction whose locks other requests may wait for.
fn holds_up(moment: &Moment, via: &str) -> bool {
    let Moment::Message(watched) = moment else {
        return false;
    };
    let (from, to) = (watched.from, watched.to);
    let locks = from.role == Role::Api && to.role == Role::Server(Server::Postgres);
    locks || stands_in_the_way(&Target::Edge { from, to }, via)
}

/// Whether a request was under way while a message was held up.
fn overlaps_holding(history: &History, life: &FaultLife, op: &Op) -> bool {
    let held = FaultLife {
        healed: life.applied,
        ..life.clone()
    };
    life.applied.is_some() && overlaps(history, &held, op)
}

/// How many requests to the same process were under way when this one was sent.
fn under_way(history: &History, op: &Op) -> usize {
    let others = history.ops().values().filter(|other| {
        let answered = other.completed.as_ref().map(|(position, _)| *position);
        other.via == op.via
            && other.invoked <= op.invoked
            && answered.is_none_or(|answered| answered > op.invoked)
    });
    others.count()
}

fn overlaps(history: &History, life: &FaultLife, op: &Op) -> bool {
    let at = |position: usize| history.entries()[position].at_us;
    let Some(began) = life.asked.or(life.applied).map(at) else {
        return false;
    };
    // It waited for a message that never came, and stood in nobody's way.
    if life.failed.is_some() && life.applied.is_some() {
        return false;
    }
    let ended = life
        .healed
        .map_or(u64::MAX, |healed| at(healed).saturating_add(GRACE_US));
    let answered = op
        .completed
        .as_ref()
        .map_or(u64::MAX, |(position, _)| at(*position));
    at(op.invoked) <= ended && began <= answered
}

/// The way of a request: from the client to a process of the API, and on to the database.
fn stands_in_the_way(target: &Target, via: &str) -> bool {
    let is_asked = |number: Option<u32>| {
        number.is_none_or(|number| via == format!("{} {number}", Role::Api.name()))
    };
    match target {
        Target::Edge { from, to } if to.role == Role::Api => is_asked(from.number.or(to.number)),
        Target::Edge { from, .. } if from.role == Role::Api => is_asked(from.number),
        Target::Process(Party {
            role: Role::Api,
            number,
        }) => is_asked(*number),
        Target::Server(server) => *server == Server::Postgres,
        Target::Edge { .. } | Target::Process(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, FaultPhase};
    use crate::judge::proof::story::{Story, finding, verdict};

    /// One request without an answer, under the story's one fault on this target.
    fn unavailable_under(target: &str, after_heal: bool) -> Verdict {
        let mut story = Story::new();
        story.scenario(|scenario| {
            let fault = &mut scenario.faults[0];
            (fault.edge, fault.process) = (None, None);
            if target.contains("->") {
                fault.edge = Some(target.to_owned());
            } else {
                (fault.process, fault.action) = (Some(target.to_owned()), "kill".to_owned());
            }
        });
        story.opens(1);
        story.place(1, 1, 10);
        if after_heal {
            story.finish();
            story.ask_after_the_grace(GRACE_US);
        } else {
            let op = story.ask(2, 1, 20);
            story.unavailable(op, 503);
            story.finish();
        }
        verdict(check, &story)
    }

    #[test]
    fn a_fault_on_the_requests_way_excuses_a_missing_answer() {
        for target in ["client -> api", "api -> postgres", "api", "postgres"] {
            assert_eq!(unavailable_under(target, false), Verdict::Pass, "{target}");
        }
    }

    #[test]
    fn a_fault_elsewhere_excuses_nothing() {
        for target in [
            "relay -> rabbitmq",
            "consumer -> postgres",
            "relay",
            "rabbitmq",
        ] {
            assert_eq!(unavailable_under(target, false), Verdict::Fail, "{target}");
        }
    }

    /// One request without an answer after the story's one fault is in place, which strikes elsewhere at a message on this edge.
    fn unanswered_while_held(edge: &str, event: &str, long_after: bool) -> Verdict {
        let mut story = Story::new();
        story.scenario(|scenario| {
            let when = format!("when = {{ edge = '{edge}', event = '{event}' }}");
            let fault = format!("process = 'relay'\ndo = 'kill'\n{when}");
            scenario.faults = vec![toml::from_str(&fault).expect("a fault")];
        });
        story.opens(1);
        story.place(1, 1, 10);
        if long_after {
            story.finish();
            story.ask_after_the_grace(GRACE_US);
        } else {
            let op = story.ask(2, 1, 20);
            story.unavailable(op, 503);
            story.finish();
        }
        verdict(check, &story)
    }

    #[test]
    fn who_waits_for_a_message_that_the_lab_holds_is_excused_until_it_goes_on() {
        for (edge, event) in [("client -> api", "request"), ("api -> postgres", "commit")] {
            assert_eq!(
                unanswered_while_held(edge, event, false),
                Verdict::Pass,
                "{edge}"
            );
            assert_eq!(
                unanswered_while_held(edge, event, true),
                Verdict::Fail,
                "{edge}"
            );
        }
        let elsewhere = unanswered_while_held("relay -> rabbitmq", "publish", false);
        assert_eq!(elsewhere, Verdict::Fail);
    }

    #[test]
    fn a_fault_of_another_process_excuses_nothing() {
        assert!(stands_in_the_way(&target("api 2"), "api 2"));
        assert!(!stands_in_the_way(&target("api 2"), "api 1"));
    }

    fn target(process: &str) -> Target {
        Target::Process(Party::parse(process).expect("a party"))
    }

    #[test]
    fn long_after_the_heal_nothing_is_excused() {
        assert_eq!(unavailable_under("api", true), Verdict::Fail);
    }

    #[test]
    fn a_fault_whose_message_never_came_excuses_nothing() {
        let mut story = Story::new();
        story.scenario(|scenario| scenario.faults[0].edge = Some("client -> api".to_owned()));
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.unavailable(op, 503);
        story.finish();
        let healed = |event: &Event| {
            matches!(
                event,
                Event::Fault {
                    phase: FaultPhase::Healed,
                    ..
                }
            )
        };
        story.drop_events(healed);
        story.push_before_end(Event::Fault {
            fault: 0,
            phase: FaultPhase::Failed,
            detail: "commit number 1 that was meant never passed".to_owned(),
        });
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    /// So many requests at once, and one more that stays without an answer; what becomes of the others before and after.
    fn loaded(
        others: usize,
        before: impl Fn(&mut Story, u64),
        after: impl Fn(&mut Story, u64),
    ) -> Finding {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let ops: Vec<u64> = (0..others)
            .map(|other| story.ask(2 + other as u128, 1, 20))
            .collect();
        ops.iter().for_each(|op| before(&mut story, *op));
        let last = story.ask(999, 1, 20);
        story.unavailable(last, 503);
        ops.iter().for_each(|op| after(&mut story, *op));
        story.finish();
        finding(check, &story)
    }

    fn refuse(story: &mut Story, op: u64) {
        story.refuse(op, 422, "bid_too_low");
    }

    fn nothing(_: &mut Story, _: u64) {}

    #[test]
    fn more_load_than_was_answered_convicts_nobody_and_shows_nothing() {
        let judged = |others, before: fn(&mut Story, u64), after: fn(&mut Story, u64)| {
            loaded(others, before, after).verdict
        };
        let full = OVERLOAD - 1;
        assert_eq!(judged(full, nothing, refuse), Verdict::Unknown);
        assert_eq!(judged(full - 1, nothing, refuse), Verdict::Fail);
        assert_eq!(
            judged(full, refuse, nothing),
            Verdict::Fail,
            "answered before"
        );
        let elsewhere = |story: &mut Story, op: u64| {
            story.change_request(op, |_, via| *via = "api 2".to_owned());
        };
        assert_eq!(
            judged(full, elsewhere, refuse),
            Verdict::Fail,
            "asked of another"
        );
        // What is never answered stays under way.
        let counts = loaded(full, nothing, nothing).counts;
        let under_load = "requests without an answer under more load than was answered";
        assert_eq!(counts[under_load], 1);
    }

    #[test]
    fn what_is_asked_later_is_no_load_yet() {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let first = story.ask(999, 1, 20);
        let ops: Vec<u64> = (2..99).map(|bid| story.ask(bid, 1, 20)).collect();
        story.unavailable(first, 503);
        ops.into_iter().for_each(|op| refuse(&mut story, op));
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    /// One request without an answer while the story's fault stands on this edge, and then what the test changes.
    fn unanswered(edge: &str, change: impl FnOnce(&mut Story)) -> Finding {
        let mut story = Story::new();
        story.scenario(|scenario| scenario.faults[0].edge = Some(edge.to_owned()));
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.unavailable(op, 503);
        story.finish();
        change(&mut story);
        finding(check, &story)
    }

    #[test]
    fn one_fault_on_the_way_excuses_whatever_others_are_elsewhere() {
        let found = unanswered("client -> api", |story| {
            story.another_fault("relay -> rabbitmq")
        });
        assert_eq!(found.verdict, Verdict::Pass);
        assert_eq!(
            found.counts["requests without an answer, excused by a fault"],
            1
        );
    }

    #[test]
    fn a_fault_that_never_came_to_be_excuses_nothing() {
        let planned = unanswered("relay -> rabbitmq", |story| {
            story.another_fault("client -> api")
        });
        assert_eq!(planned.verdict, Verdict::Fail);
        let began = |event: &Event| {
            matches!(
                event,
                Event::Fault {
                    phase: FaultPhase::Asked | FaultPhase::Applied,
                    ..
                }
            )
        };
        let healed = unanswered("client -> api", |story| story.drop_events(began));
        assert_eq!(healed.verdict, Verdict::Fail);
    }

    #[test]
    fn the_grace_after_a_heal_is_over_to_the_microsecond() {
        let asked_after = |us: u64| {
            let mut story = Story::new();
            story.scenario(|scenario| scenario.faults[0].edge = Some("client -> api".to_owned()));
            story.opens(1);
            story.place(1, 1, 10);
            story.finish();
            story.ask_after_the_grace(0);
            let history = story.history();
            let at_us = |position: usize| history.entries()[position].at_us;
            let asked = history.ops_in_order().last().expect("a request").invoked;
            let healed = history.faults()[&0].healed.expect("a heal");
            story.time_passes_before(asked, us - (at_us(asked) - at_us(healed)));
            verdict(check, &story)
        };
        assert_eq!(asked_after(GRACE_US), Verdict::Pass);
        assert_eq!(asked_after(GRACE_US + 1), Verdict::Fail);
    }

    #[test]
    fn nonsense_is_no_answer() {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.nonsense(op, 302);
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }
}
