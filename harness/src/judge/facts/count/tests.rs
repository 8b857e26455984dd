use super::*;
use crate::history::{FaultPhase, Purpose};
use crate::judge::facts::FactError;
use crate::judge::proof::story::Story;

fn fact(story: &Story, name: &str) -> u64 {
    Facts::of(&story.history()).get(name, 1).expect("a fact")
}

fn facts<const N: usize>(story: &Story, names: [&str; N]) -> [u64; N] {
    names.map(|name| fact(story, name))
}

/// The request's question was the run's first entry: before any fault.
fn ask_first(story: &mut Story, wanted: u64) {
    let asked = |event: &Event| matches!(event, Event::Invoked { op, .. } if *op == wanted);
    let at = story.events.iter().position(asked).expect("a question");
    let question = story.events.remove(at);
    story.events.insert(1, question);
}

/// The lab asked for itself.
fn by_the_lab(story: &mut Story, wanted: u64) {
    for event in &mut story.events {
        if let Event::Invoked { op, purpose, .. } = event
            && *op == wanted
        {
            *purpose = Purpose::Canary;
        }
    }
}

/// One of each kind of answer at least, and of no two kinds as many where they could be taken for each other.
fn answers() -> Story {
    let mut story = Story::new();
    story.opens(1);
    story.closed(9);
    (1..=3).for_each(|number| story.place(number, 1, 10 * number as i64));
    for _ in 0..2 {
        let refused = story.ask(4, 9, 40);
        story.refuse(refused, 422, "auction_closed");
    }
    let unavailable = story.ask(5, 1, 50);
    story.unavailable(unavailable, 503);
    let asked_before = story.ask(6, 1, 60);
    story.unavailable(asked_before, 503);
    ask_first(&mut story, asked_before);
    let answered_after = story.ask(7, 1, 70);
    let stored = story.ask(9, 1, 90);
    story.store(9, 1, 90);
    story.unavailable(stored, 502);
    for number in 10..=12 {
        let lost = story.ask(number, 1, 100);
        story.times_out(lost);
    }
    _ = story.ask(13, 1, 130);
    let accepted_after = story.ask(14, 1, 140);
    // The fault heals.
    story.finish();
    story.unavailable(answered_after, 503);
    story.accept(accepted_after, 201);
    for _ in 0..2 {
        let after = story.ask(8, 1, 80);
        story.unavailable(after, 503);
    }
    let asked_after = story.ask(15, 1, 150);
    story.accept(asked_after, 201);
    let canary = story.ask(16, 1, 160);
    story.accept(canary, 201);
    by_the_lab(&mut story, canary);
    story
}

#[test]
fn requests_are_counted_by_their_answers_and_by_when_they_were_under_way() {
    let mut story = answers();
    let names = [
        "requests",
        "accepted",
        "refused",
        "unavailable",
        "unknown",
        "unanswered",
        "unknown_stored",
        "unknown_absent",
        "accepted_during_fault",
        "unavailable_during_fault",
    ];
    let counted = [17, 5, 2, 5, 10, 4, 1, 9, 3, 3];
    assert_eq!(facts(&story, names), counted);
    // A second one that never came about takes nothing away.
    story.another_fault("client -> api");
    let (phase, detail) = (FaultPhase::Asked, "cut".to_owned());
    story.events.insert(
        1,
        Event::Fault {
            fault: 1,
            phase,
            detail,
        },
    );
    assert_eq!(facts(&story, names), counted);
}

#[test]
fn messages_are_counted_by_what_they_are_about() {
    let mut story = Story::new();
    story.opens(1);
    story.opens(2);
    story.opens(3);
    let mut number = 0;
    for (key, count) in [(1, 4), (2, 3), (3, 2)] {
        for _ in 0..count {
            number += 1;
            story.place(number, key, 10 * number as i64);
        }
    }
    story.finish();
    for _ in 0..3 {
        story.redeliver(1);
    }
    for _ in 0..2 {
        story.deliver_again(2);
    }
    // Nobody can say of which these are copies.
    for _ in 0..2 {
        story.deliver_again(2);
        let nothing = story.last_delivery();
        (nothing.item, nothing.dedup) = (Err("truncated".to_owned()), None);
    }
    story.swap_deliveries(1, 2);
    let names = [
        "deliveries",
        "deliveries_again",
        "redeliveries",
        "reordered_deliveries",
        "keys_with_3_events",
    ];
    assert_eq!(facts(&story, names), [16, 2, 3, 1, 2]);
}

#[test]
fn rows_are_counted_as_they_are_at_the_end_and_at_their_peaks() {
    let mut story = Story::new();
    story.opens(1);
    story.opens(2);
    for (number, key) in [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2)] {
        story.place(number, key, 10 * number as i64);
    }
    story.finish();
    story.snapshot_early(|tables| tables.effects[..3].iter_mut().for_each(|row| row.times = 0));
    story.change_last(|tables| {
        tables.outbox[1].state = State::GivenUp;
        let waiting = [2, 3, 5];
        waiting
            .into_iter()
            .for_each(|row| tables.outbox[row].state = State::Waiting);
        tables.outbox[4].state = State::Held;
        tables.outbox[0].attempts = None;
        let retried = [1, 2, 3];
        retried
            .into_iter()
            .for_each(|row| tables.outbox[row].attempts = Some(2));
        tables.effects[5].times = 0;
        tables.effects[4].times = 0;
        (tables.dead_letters, tables.redelivered_to_consumer) = (7, 8);
    });
    let names = [
        "stored",
        "events",
        "events_failed",
        "events_held",
        "events_retried",
        "parked",
        "applied",
        "parked_peak",
        "dead_letters",
        "redelivered_to_consumer",
        "snapshots",
    ];
    assert_eq!(facts(&story, names), [6, 6, 1, 2, 3, 2, 4, 3, 7, 8, 2]);
}

#[test]
fn a_backlog_during_a_fault_is_none_where_there_is_no_fault_and_unmeasured_where_nobody_looked() {
    let mut story = Story::clean();
    assert_eq!(fact(&story, "backlog_during_fault_peak"), 3);
    story.drop_events(|event| matches!(event, Event::Backlog { .. }));
    let during = |story: &Story| Facts::of(&story.history()).get("backlog_during_fault_peak", 1);
    assert!(matches!(during(&story), Err(FactError::Unmeasured(_))));
    story.scenario(|scenario| scenario.faults.clear());
    assert_eq!(during(&story), Ok(0));
}

#[test]
fn bites_are_summed_over_the_faults_of_the_scenario() {
    let mut story = Story::clean();
    story.another_fault("client -> api");
    for (phase, at) in [(FaultPhase::Asked, 4), (FaultPhase::Applied, 5)] {
        let detail = "cut".to_owned();
        story.events.insert(
            at,
            Event::Fault {
                fault: 1,
                phase,
                detail,
            },
        );
    }
    let what = "connections_cut".to_owned();
    story.push_before_end(Event::Bite {
        fault: 1,
        what,
        count: 5,
    });
    let counted = Facts::of(&story.history());
    let fact = |name| counted.get(name, 2).expect("a fact");
    assert_eq!(
        (
            fact("fault_1_bites"),
            fact("fault_2_bites"),
            fact("fault_bites")
        ),
        (4, 5, 9)
    );
    assert_eq!(fact("faults_applied"), 2);
    let applied = |event: &Event| {
        matches!(
            event,
            Event::Fault {
                fault: 1,
                phase: FaultPhase::Applied,
                ..
            }
        )
    };
    story.drop_events(applied);
    assert_eq!(Facts::of(&story.history()).get("faults_applied", 2), Ok(1));
    let none = Facts::of(&History::default());
    assert!(
        none.iter()
            .all(|(name, _)| !name.ends_with("_bites") || name == "fault_bites")
    );
}
