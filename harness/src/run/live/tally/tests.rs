use super::*;
use crate::{
    ask::scenario::Scenario,
    history::{Asked, Content, Key},
};

const ID: Uuid = Uuid::from_u128(7);

fn heard(tally: &mut Tally, events: Vec<Event>) {
    for (at, event) in events.into_iter().enumerate() {
        let at_us = (at as u64 + 1) * 1_000;
        tally.hear(&Entry { at_us, event });
    }
}

fn invoked(op: u64, purpose: Purpose) -> Event {
    Event::Invoked {
        op,
        asked: Asked {
            id: ID,
            key: Key::numbered(1),
            content: Content::new(),
        },
        via: "api 1".to_owned(),
        purpose,
    }
}

fn unknown(op: u64) -> Event {
    Event::Completed {
        op,
        outcome: Outcome::Unknown {
            status: None,
            reason: "cut".to_owned(),
        },
    }
}

fn accepted(op: u64) -> Event {
    Event::Completed {
        op,
        outcome: Outcome::Accepted {
            status: Some(201),
            n: None,
            content: Content::new(),
        },
    }
}

fn fault(phase: FaultPhase) -> Event {
    Event::Fault {
        fault: 0,
        phase,
        detail: "why".to_owned(),
    }
}

fn tally() -> Tally {
    let text = "story = ''\nworkload = { keys = 1, writes = '9/s for 3s' }\n[[fault]]\nedge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '1s'\n";
    let scenario: Scenario = toml::from_str(text).expect("a scenario");
    let mut tally = Tally::default();
    tally.begin("a/b", "told");
    let read = fault::Fault::all(&scenario).expect("a fault");
    tally.knows(&scenario.faults[0], read[0].clone());
    tally
}

#[test]
fn answers_to_the_workload_count_and_those_to_others_do_not() {
    let mut tally = tally();
    let events = vec![
        invoked(1, Purpose::Workload),
        invoked(2, Purpose::Workload),
        accepted(1),
        unknown(2),
        invoked(3, Purpose::Inquiry),
        accepted(3),
    ];
    heard(&mut tally, events);
    let counts = tally.picture().counts;
    let told = (
        counts.asked,
        counts.accepted,
        counts.refused,
        counts.unknown,
    );
    assert_eq!(told, (2, 1, 0, 1));
}

#[test]
fn a_fault_is_on_from_when_it_is_asked_for_until_it_is_gone_and_keeps_what_it_did() {
    let mut tally = tally();
    assert!(!tally.picture().faults[0].phase.is_on());
    let bite = Event::Bite {
        fault: 0,
        what: "connections_cut".to_owned(),
        count: 2,
    };
    heard(
        &mut tally,
        vec![fault(FaultPhase::Asked), fault(FaultPhase::Applied), bite],
    );
    assert!(tally.picture().faults[0].phase.is_on());
    heard(&mut tally, vec![fault(FaultPhase::Healed)]);
    let broken = &tally.picture().faults[0];
    assert!(!broken.phase.is_on());
    assert_eq!((broken.from_ms, broken.until_ms), (Some(1), Some(1)));
    assert_eq!(broken.bites["connections_cut"], 2);
}

#[test]
fn of_a_fault_that_never_came_to_be_it_is_said_why() {
    let mut tally = tally();
    heard(&mut tally, vec![fault(FaultPhase::Failed)]);
    assert_eq!(tally.picture().faults[0].failed.as_deref(), Some("why"));
}

#[test]
fn an_operation_is_followed_from_its_request_on_and_no_other_is() {
    let mut tally = tally();
    tally.follow(ID);
    heard(
        &mut tally,
        vec![invoked(1, Purpose::Workload), accepted(1), accepted(2)],
    );
    let steps = tally.picture().followed.expect("an operation").steps;
    let told: Vec<&str> = steps.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(told, ["asked api 1", "answered: it is stored"]);
}

#[test]
fn the_next_run_begins_with_nothing_but_what_was_judged() {
    let mut tally = tally();
    heard(&mut tally, vec![invoked(1, Purpose::Workload)]);
    tally.begin("a/c", "told");
    let picture = tally.picture();
    assert_eq!(
        (picture.run, picture.counts.asked, picture.faults.len()),
        (2, 0, 0)
    );
}
