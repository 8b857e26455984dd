//! What passes between processes and broker, and on whose connection.

use super::*;
use crate::ask::scenario::{Fault, Scenario};

/// The first `what` of bid 1 is struck by this.
fn struck(story: &mut Story, deed: &str, edge: &str, what: &str) {
    let fault = format!(
        "story = 'struck'\n[workload]\nkeys = 1\nwrites = '3 at once'\n[[fault]]\nedge = '{edge}'\ndo = '{deed}'\nwhen = {{ event = '{what}' }}\n"
    );
    let scenario: Scenario = toml::from_str(&fault).expect("a scenario");
    let [fault]: [Fault; 1] = scenario.faults.try_into().expect("one fault");
    story.scenario(|scenario| scenario.faults = vec![fault]);
    story.strike(what, 1);
}

#[test]
fn a_confirm_that_did_not_come_confirms_nothing() {
    for deed in [
        "answer nack",
        "reset",
        "close",
        "swallow",
        "cut in half",
        "cut after 5 bytes",
    ] {
        let mut story = Story::clean();
        struck(&mut story, deed, "relay -> rabbitmq", "confirm");
        let said = refused(&story);
        assert!(
            said.contains("marked that was not confirmed under its token"),
            "{deed}: {said}"
        );
    }
    for deed in ["delay 1s", "stall", "cut after 500 bytes"] {
        let mut story = Story::clean();
        struck(&mut story, deed, "relay -> rabbitmq", "confirm");
        passes(&story);
    }
}

#[test]
fn what_was_cut_on_its_way_was_not_delivered() {
    for (what, edge) in [
        ("publish", "relay -> rabbitmq"),
        ("deliver", "consumer -> rabbitmq"),
    ] {
        let mut story = Story::clean();
        struck(&mut story, "cut after 30 bytes", edge, what);
        refused(&story);
    }
}

#[test]
fn an_ack_that_did_not_come_leaves_the_message_to_the_broker() {
    let mut story = Story::clean();
    struck(&mut story, "close", "consumer -> rabbitmq", "ack");
    let again = event(&story, 1);
    story.passes("consumer -> rabbitmq", 0, "deliver", &again);
    let last = story.events.len() - 1;
    story.events.swap(last - 1, last);
    passes(&story);
    assert_eq!(met(&story, "received_again"), 1);
}

#[test]
fn where_the_taps_heard_nothing_nothing_is_judged() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Passed { .. }));
    let error = check(&story.history()).expect_err("not judged");
    assert_eq!(error.to_string(), "the taps heard nothing");
}

/// Published, not confirmed, handed back, and published again by the next session.
fn published_twice() -> Story {
    claimed_then(|story| {
        let event = event(story, 1);
        story.passes("relay -> rabbitmq", 1, "publish", &event);
        story.rewind(1);
    })
}

#[test]
fn a_connection_is_its_own_sessions_on_another_machines_clock_too() {
    let mut story = published_twice();
    passes(&story);
    story.clock_elsewhere();
    passes(&story);
}

/// Two relays lose their only lanes to a third, and take them back. The first one's session goes on, the second one's
/// connection is a new one, and some of what it had claimed was never sent.
fn bereft() -> Story {
    let mut story = Story::new();
    (1..=2).for_each(|auction| story.opens(auction));
    story.place(1, 1, 10);
    story.place(2, 2, 10);
    story.place(3, 2, 20);
    let owners = [1, 2].map(|auction| story.owner(auction));
    story.publish_on(11, 0);
    story.publish_on(21, 1);
    (1..=2).for_each(|auction| story.take_over(auction));
    for (auction, owner) in (1..).zip(owners) {
        story.take_back(auction, owner);
    }
    story.place(4, 1, 30);
    story.publish_on(11, 3);
    story.publish_on(22, 2);
    story.finish();
    story
}

#[test]
fn each_relay_that_lost_its_lanes_shows_by_its_connection_whether_it_began_anew() {
    passes(&bereft());
    let mut story = bereft();
    story.clock_elsewhere();
    passes(&story);
}

/// The broker refuses a bid, and so many windows of one bid each are sent behind it before everything is handed back.
fn refused_and_then(windows: u128) -> Story {
    let mut story = Story::new();
    story.opens(1);
    for bid in 1..=windows + 1 {
        story.place(bid, 1, 10 * bid as i64);
        story.claim(1);
        let row = event(&story, bid as usize);
        story.passes("relay -> rabbitmq", 1, "publish", &row);
        if bid == 1 {
            story.passes("relay -> rabbitmq", 1, "nack", &row);
        }
    }
    story.rewind(1);
    story.finish();
    story
}

#[test]
fn a_session_sends_one_window_behind_one_that_was_refused_and_no_other() {
    passes(&refused_and_then(1));
    let said = refused(&refused_and_then(2));
    assert!(
        said.contains("two windows behind one that was refused"),
        "{said}"
    );
}

/// A message that the consumer is given twice before it settles the first, and acks so often.
fn given_twice_and_acked(times: usize) -> Verdict {
    let mut story = Story::clean();
    let about = |event: &Event, wanted: &str| match event {
        Event::Passed { what, ops, .. } if what == wanted => Some(ops.clone()),
        _ => None,
    };
    let mut events = story.events.iter();
    let given = events.position(|event| about(event, "deliver").is_some());
    let given = given.expect("a message is delivered");
    let ops = about(&story.events[given], "deliver");
    let copy = story.events[given].clone();
    story.events.insert(given, copy);
    let mut events = story.events.iter();
    let acked = events.position(|event| about(event, "ack") == ops);
    let acked = acked.expect("it is acked");
    let ack = story.events[acked].clone();
    for _ in 1..times {
        story.events.insert(acked, ack.clone());
    }
    verdict(check, &story)
}

#[test]
fn a_copy_that_somebody_else_has_sent_is_acked_beside_the_first_and_no_third_is() {
    assert_eq!(given_twice_and_acked(1), Verdict::Pass);
    assert_eq!(given_twice_and_acked(2), Verdict::Pass);
    assert_eq!(given_twice_and_acked(3), Verdict::Fail);
}
