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

/// One request without an answer between the asking for a fault and its being in place, or just after that.
fn asked_between(fault: &str, between: bool) -> Verdict {
    let mut story = Story::new();
    story.scenario(|scenario| {
        scenario.system.apis = 2;
        scenario.faults = vec![toml::from_str(fault).expect("a fault")];
    });
    story.opens(1);
    story.place(1, 1, 10);
    let op = story.ask(2, 1, 20);
    story.unavailable(op, 503);
    story.finish();
    if between {
        story.in_place_late();
    }
    let placed = verdict(check, &story);
    // It is held as long where the fault cannot be done.
    story.cannot_be_in_place();
    assert_eq!(verdict(check, &story), placed);
    placed
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

#[test]
fn who_waits_for_a_message_that_the_lab_holds_is_excused_until_it_goes_on() {
    let kill = |edge: &str, event: &str| {
        format!("process = 'relay'\ndo = 'kill'\nwhen = {{ edge = '{edge}', event = '{event}' }}")
    };
    for (edge, event) in [
        ("client -> api", "request"),
        ("api 2 -> postgres", "commit"),
    ] {
        let kill = kill(edge, event);
        assert_eq!(asked_between(&kill, true), Verdict::Pass, "{edge}");
        assert_eq!(asked_between(&kill, false), Verdict::Fail, "{edge}");
    }
    let elsewhere = kill("relay -> rabbitmq", "publish");
    assert_eq!(asked_between(&elsewhere, true), Verdict::Fail);
}

#[test]
fn what_is_done_to_a_message_itself_is_a_fault_of_its_edge_alone() {
    let reset = |api: u32| {
        format!("edge = 'api {api} -> postgres'\ndo = 'reset'\nwhen = {{ event = 'commit' }}")
    };
    // The story asks the first.
    assert_eq!(asked_between(&reset(1), true), Verdict::Pass);
    assert_eq!(asked_between(&reset(2), true), Verdict::Fail);
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
