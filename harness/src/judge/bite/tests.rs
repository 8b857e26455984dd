use super::*;
use crate::history::{Event, FaultPhase, Purpose};
use crate::judge::proof::story::{Story, finding, reason, verdict};

fn without(drop: impl Fn(&Event) -> bool) -> Verdict {
    let mut story = Story::clean();
    story.drop_events(drop);
    verdict(check, &story)
}

#[test]
fn a_fault_must_be_applied_bite_and_be_healed() {
    let phase = |wanted| move |event: &Event| matches!(event, Event::Fault { phase, .. } if *phase == wanted);
    assert_eq!(without(|_| false), Verdict::Pass);
    assert_eq!(without(phase(FaultPhase::Applied)), Verdict::Vacuous);
    assert_eq!(without(phase(FaultPhase::Healed)), Verdict::Error);
    assert_eq!(
        without(|event| matches!(event, Event::Bite { .. })),
        Verdict::Vacuous
    );
}

#[test]
fn a_fault_that_is_meant_to_stay_need_not_be_healed_and_must_bite_all_the_same() {
    let mut story = Story::clean();
    let healed =
        |event: &Event| matches!(event, Event::Fault { phase, .. } if *phase == FaultPhase::Healed);
    story.drop_events(healed);
    assert_eq!(verdict(check, &story), Verdict::Error);
    story.scenario(|scenario| scenario.faults[0].lasts = Some("ever".to_owned()));
    assert_eq!(verdict(check, &story), Verdict::Pass);
    let history = story.history();
    assert!(history.in_fault(history.entries().len() - 1));
    story.drop_events(|event| matches!(event, Event::Bite { .. }));
    assert_eq!(verdict(check, &story), Verdict::Vacuous);
}

#[test]
fn of_faults_that_may_miss_half_must_bite() {
    let mut story = Story::clean();
    story.another_fault("client -> api");
    let second = |event: &Event| {
        matches!(
            event,
            Event::Fault { fault: 1, .. } | Event::Bite { fault: 1, .. }
        )
    };
    story.drop_events(second);
    let may_miss = |story: &mut Story, which: &[usize]| {
        story.scenario(|scenario| {
            let faults = scenario.faults.iter_mut().enumerate();
            faults.for_each(|(index, fault)| fault.may_miss = which.contains(&index));
        });
    };
    let said = |story: &Story| reason(check, story);
    assert_eq!(said(&story).0, Verdict::Vacuous);
    may_miss(&mut story, &[0]);
    assert_eq!(said(&story).0, Verdict::Vacuous, "the other one must bite");
    may_miss(&mut story, &[1]);
    let holds = "1 of 2 faults and the workload bit".to_owned();
    assert_eq!(said(&story), (Verdict::Pass, holds));
    may_miss(&mut story, &[0, 1]);
    story.drop_events(|event| matches!(event, Event::Bite { .. }));
    let none = "of 2 faults 0 met something".to_owned();
    assert_eq!(said(&story), (Verdict::Vacuous, none));
    let mut few = Story::clean();
    (0..2).for_each(|_| few.another_fault("client -> api"));
    may_miss(&mut few, &[0, 1, 2]);
    let third = "of 3 faults 1 met something".to_owned();
    assert_eq!(said(&few), (Verdict::Vacuous, third));
    assert_eq!(finding(check, &few).counts["faults never applied"], 2);
}

#[test]
fn a_bite_after_the_heal_proves_nothing() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Bite { .. }));
    story.push_before_end(Event::Bite {
        fault: 0,
        what: "connections_cut".to_owned(),
        count: 1,
    });
    let said =
        "fault 1 was applied and did not bite; its 1 bites were recorded while it was not in place";
    assert_eq!(reason(check, &story), (Verdict::Vacuous, said.to_owned()));
}

#[test]
fn a_condition_that_never_came_is_vacuous() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Fault { .. } | Event::Bite { .. }));
    story.push_before_end(Event::Fault {
        fault: 0,
        phase: FaultPhase::Failed,
        detail: "never 20 events processing".to_owned(),
    });
    story.bites("backlog_during_fault_peak", ">= 1");
    let said = "fault 1 never came to be: never 20 events processing".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Vacuous, said));
}

#[test]
fn bites_are_compared() {
    let mut story = Story::clean();
    story.bites("deliveries_again", ">= 1");
    let said = "deliveries_again is 0, and must be >= 1 for the run to mean anything".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Vacuous, said));
    story.deliver_again(1);
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.bites("no_such_fact", ">= 1");
    let error = check(&story.history());
    assert!(matches!(
        error,
        Err(Unjudgeable::Fact(said)) if said.starts_with("there is no fact")
    ));
}

#[test]
fn a_workload_of_unknowns_is_unknown_and_an_empty_one_vacuous() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    let op = story.ask(2, 1, 20);
    story.times_out(op);
    let mut mostly = story.clone();
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Pass);
    _ = mostly.ask(3, 1, 30);
    mostly.finish();
    assert_eq!(verdict(check, &mostly), Verdict::Unknown);
    let mut idle = Story::new();
    idle.finish();
    assert_eq!(verdict(check, &idle), Verdict::Vacuous);
}

#[test]
fn without_faults_something_else_must_bite() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Fault { .. } | Event::Bite { .. }));
    story.scenario(|scenario| scenario.faults.clear());
    assert_eq!(verdict(check, &story), Verdict::Vacuous);
    story.bites("accepted", ">= 3");
    let said = "the workload bit".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Pass, said));
}

#[test]
fn a_bite_of_nothing_is_none_and_one_is_enough() {
    let bitten = |count: u64, healed: bool| {
        let mut story = Story::clean();
        let bite = Event::Bite {
            fault: 0,
            what: "connections_cut".to_owned(),
            count,
        };
        let at = story
            .events
            .iter()
            .position(|event| matches!(event, Event::Bite { .. }));
        let at = at.expect("a bite");
        match healed {
            true => {
                story.events.remove(at);
                story.push_before_end(bite);
            }
            false => story.events[at] = bite,
        }
        reason(check, &story)
    };
    assert_eq!(bitten(1, false).0, Verdict::Pass);
    let said = "fault 1 was applied and did not bite".to_owned();
    assert_eq!(bitten(0, false), (Verdict::Vacuous, said.clone()));
    assert_eq!(bitten(0, true), (Verdict::Vacuous, said));
}

/// So many operations, of which so many were never answered.
fn unanswered(unknown: u128, of: u128) -> Story {
    let mut story = Story::new();
    story.opens(1);
    (1..=of - unknown).for_each(|number| story.place(number, 1, number as i64));
    (of - unknown + 1..=of).for_each(|number| _ = story.ask(number, 1, number as i64));
    story.finish();
    story
}

#[test]
fn more_than_half_of_all_operations_must_be_known() {
    assert_eq!(verdict(check, &unanswered(50, 100)), Verdict::Pass);
    assert_eq!(verdict(check, &unanswered(51, 101)), Verdict::Unknown);
    let counts = finding(check, &unanswered(2, 5)).counts;
    let counted = ["requests", "accepted requests", "unknown requests"].map(|what| counts[what]);
    assert_eq!(counted, [5, 3, 2]);
}

#[test]
fn what_was_asked_until_it_was_known_is_known() {
    let mut story = Story::new();
    story.opens(1);
    for number in 1..=3 {
        let lost = story.ask(number, 1, number as i64);
        story.times_out(lost);
        story.place(number, 1, number as i64);
    }
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn what_the_lab_asks_for_itself_is_no_workload() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    for event in &mut story.events {
        if let Event::Invoked { purpose, .. } = event {
            *purpose = Purpose::Canary;
        }
    }
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Vacuous);
}

#[test]
fn a_workload_of_refusals_is_vacuous() {
    let mut story = Story::new();
    story.closed(1);
    let op = story.ask(1, 1, 10);
    story.refuse(op, 422, "auction_closed");
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Vacuous);
}

/// A condition on what is measured during faults alone, in a run that was not sampled.
fn unmeasured(change: impl FnOnce(&mut Story)) -> Result<Verdict, Unjudgeable> {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Backlog { .. }));
    story.bites("backlog_during_fault_peak", ">= 1");
    change(&mut story);
    check(&story.history()).map(|found| found.verdict)
}

#[test]
fn what_is_measured_during_faults_must_be_measured_if_all_of_them_came_to_be() {
    assert!(matches!(unmeasured(|_| ()), Err(Unjudgeable::Fact(_))));
    let planned = unmeasured(|story| story.another_fault("client -> api"));
    assert!(matches!(planned, Ok(Verdict::Vacuous)));
    let never = |event: &Event| {
        matches!(
            event,
            Event::Fault {
                phase: FaultPhase::Applied,
                ..
            }
        )
    };
    assert!(matches!(
        unmeasured(|story| story.drop_events(never)),
        Ok(Verdict::Vacuous)
    ));
}

#[test]
fn a_condition_counts_what_it_is_about() {
    let mut story = Story::clean();
    story.bites("deliveries", ">= 1");
    assert_eq!(finding(check, &story).counts["deliveries"], 3);
}
