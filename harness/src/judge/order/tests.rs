use proptest::prelude::*;

use super::*;
use crate::history::Event;
use crate::judge::proof::story::{Story, finding, verdict};
use crate::judge::reorder::Late;

#[test]
fn two_first_deliveries_swapped_fail() {
    let mut story = Story::clean();
    story.swap_deliveries(2, 3);
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn what_overtakes_a_rejected_event_is_counted_and_legal() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Passed { .. }));
    story.swap_deliveries(2, 3);
    story.counts("relay 1", "relay_returned_total", 1);
    let finding = check(&story.history()).expect("a finding");
    assert_eq!(finding.verdict, Verdict::Pass);
    let overtaken = "first deliveries overtaken while the broker rejected some";
    assert_eq!(finding.counts[overtaken], 1);
}

#[test]
fn where_the_broker_is_heard_it_is_who_came_late_that_must_have_been_rejected() {
    let late = |what: &str, struck: bool, whom: u128, action: &str| {
        let mut story = Story::clean();
        let text = format!(
            "edge = \"relay -> rabbitmq\"\ndo = {action:?}\nwhen = {{ event = \"confirm\" }}"
        );
        let fault = toml::from_str(&text).expect("a fault");
        story.scenario(|scenario| scenario.faults = vec![fault]);
        story.swap_deliveries(2, 3);
        story.counts("relay 1", "relay_returned_total", 1);
        let first = story.events.iter();
        let mut first = first.enumerate();
        let first = first.find(|(_, event)| matches!(event, Event::Delivered(_)));
        let (first, _) = first.expect("a delivery");
        let heard = Event::Passed {
            edge: "relay -> rabbitmq".to_owned(),
            by: "relay 1".to_owned(),
            connection: 1,
            what: what.to_owned(),
            text: String::new(),
            ops: vec![Story::id(whom)],
            struck,
        };
        story.events.insert(first, heard);
        finding(check, &story).verdict
    };
    let nacks = "answer nack";
    assert_eq!(late("nack", false, 2, nacks), Verdict::Pass);
    assert_eq!(late("return", false, 2, nacks), Verdict::Pass);
    assert_eq!(late("confirm", true, 2, nacks), Verdict::Pass);
    assert_eq!(late("nack", false, 3, nacks), Verdict::Fail, "another one");
    assert_eq!(late("confirm", false, 2, nacks), Verdict::Fail);
    assert_eq!(
        late("confirm", true, 2, "delay 2s"),
        Verdict::Fail,
        "it went on"
    );
}

#[test]
fn a_rejection_long_before_explains_nothing() {
    let rejections = Rejections {
        spans: vec![(2_000_000, 3_000_000)],
        ..Rejections::default()
    };
    assert!(rejections.explain(3_500_000, 3_600_000));
    assert!(!rejections.explain(4_500_000, 4_600_000));
    assert!(!rejections.explain(1_000_000, 1_100_000));
    assert!(rejections.explain(4_000_000, 4_100_000));
    assert!(!rejections.explain(4_000_001, 4_100_000));
    assert!(rejections.explain(1_000_000, 2_000_000));
    assert!(!rejections.explain(1_000_000, 1_999_999));
}

#[test]
fn a_copy_of_an_earlier_event_is_legal() {
    let mut story = Story::clean();
    story.deliver_again(1);
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn two_events_show_no_order() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    story.place(2, 1, 20);
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Unknown);
}

#[test]
fn rfc_4737_by_example() {
    assert_eq!(reordered(&[1, 2, 3, 4]), []);
    assert_eq!(reordered(&[1, 2, 4, 7]), []);
    let late = |n, index, extent, behind| Late {
        n,
        index,
        extent,
        behind,
    };
    assert_eq!(
        reordered(&[1, 4, 2, 3]),
        [late(2, 2, 1, 4), late(3, 3, 2, 4)]
    );
    assert_eq!(reordered(&[2, 3, 4, 1]), [late(1, 3, 3, 2)]);
    // Where two claim one place the second is late.
    assert_eq!(reordered(&[1, 2, 2]), [late(2, 2, 1, 2)]);
    assert_eq!(reordered(&[1, 2, 3, 2]), [late(2, 3, 1, 3)]);
}

/// The definitions as they stand in the RFC, word by word and slow.
fn reordered_slowly(order: &[i64]) -> Vec<(i64, usize)> {
    let (mut next_expected, mut late) = (i64::MIN, Vec::new());
    for (i, s) in order.iter().enumerate() {
        if *s >= next_expected {
            next_expected = s + 1;
        } else {
            let j = (0..i)
                .find(|j| order[*j] > *s)
                .expect("something greater came before");
            late.push((*s, i - j));
        }
    }
    late
}

proptest! {
    #[test]
    fn the_fast_rule_agrees_with_the_slow_one(order in Just((1..=9).collect::<Vec<i64>>()).prop_shuffle()) {
        let fast: Vec<_> = reordered(&order).into_iter().map(|late| (late.n, late.extent)).collect();
        prop_assert_eq!(fast, reordered_slowly(&order));
    }
}

#[test]
fn how_far_the_latest_came_too_late_is_counted() {
    let mut story = Story::clean();
    let extent = |story: &Story| {
        let counts = finding(check, story).counts;
        (
            counts["keys with 3 events or more"],
            counts["longest extent"],
        )
    };
    assert_eq!(extent(&story), (1, 0));
    story.swap_deliveries(1, 3);
    assert_eq!(extent(&story), (1, 2));
}

#[test]
fn an_order_that_is_not_promised_is_counted() {
    let mut story = Story::clean();
    story.subject(|subject| subject.promises.order = false);
    story.swap_deliveries(2, 3);
    let found = finding(check, &story);
    assert_eq!(found.verdict, Verdict::Pass);
    assert_eq!(
        found.counts["first deliveries out of an order that is not promised"],
        1
    );
}

/// A stranger's operations, one written after the other; `second` says what becomes of the second. Then two messages change places.
fn one_after_the_other(second: fn(&mut Story, u64), swapped: (u128, u128)) -> Verdict {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    let op = story.ask(2, 1, 20);
    story.store(2, 1, 20);
    second(&mut story, op);
    (3..=5).for_each(|number| story.place(number, 1, 10 * number as i64));
    story.finish();
    story.estrange();
    story.subject(|subject| subject.promises.serial = true);
    story.swap_deliveries(swapped.0, swapped.1);
    verdict(check, &story)
}

#[test]
fn what_was_known_before_the_next_was_asked_for_has_a_place() {
    let accepted = |story: &mut Story, op: u64| story.accept(op, 201);
    assert_eq!(one_after_the_other(accepted, (2, 3)), Verdict::Fail);
    assert_eq!(one_after_the_other(accepted, (4, 5)), Verdict::Fail);
    let lost: fn(&mut Story, u64) = Story::times_out;
    assert_eq!(one_after_the_other(lost, (2, 3)), Verdict::Pass);
    assert_eq!(one_after_the_other(lost, (4, 5)), Verdict::Fail);
    let known_when_asked_again = |story: &mut Story, op: u64| {
        story.times_out(op);
        let again = story.ask(2, 1, 20);
        story.accept(again, 200);
    };
    assert_eq!(
        one_after_the_other(known_when_asked_again, (2, 3)),
        Verdict::Fail
    );
    let too_late = |story: &mut Story, op: u64| {
        let next = story.ask(3, 1, 30);
        story.accept(op, 201);
        story.times_out(next);
    };
    assert_eq!(one_after_the_other(too_late, (2, 3)), Verdict::Pass);
}

/// A stranger whose messages say no place.
fn placeless() -> Story {
    let mut story = Story::of_a_stranger();
    story.subject(|subject| subject.shows.place = false);
    story
}

#[test]
fn without_places_the_commits_say_the_order() {
    assert_eq!(verdict(check, &placeless()), Verdict::Pass);
    let mut story = placeless();
    story.swap_deliveries(2, 3);
    assert_eq!(verdict(check, &story), Verdict::Fail);
    // Who committed later came later.
    story.swap_commits(Story::STORED, Story::id(2), Story::id(3));
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn an_operation_or_its_event_is_enough_to_know_its_commit() {
    let hidden: [fn(&mut crate::history::TableNames); 2] =
        [|tables| tables.stored = None, |tables| tables.outbox = None];
    for hide in hidden {
        let mut story = placeless();
        story.subject(|subject| hide(&mut subject.tables));
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.swap_deliveries(2, 3);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }
}

#[test]
fn without_places_and_without_a_log_there_is_no_order_to_judge() {
    let mut story = placeless();
    story.sampled("no slot");
    assert!(matches!(
        check(&story.history()),
        Err(Unjudgeable::NotShown(_))
    ));
}
