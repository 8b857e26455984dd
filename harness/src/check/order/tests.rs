use proptest::prelude::*;

use super::super::story::{Story, verdict};
use super::*;

#[test]
fn two_first_deliveries_swapped_fail() {
    let mut story = Story::clean();
    story.swap_deliveries(2, 3);
    assert_eq!(verdict(check, &story), Verdict::Fail);
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
    story.auction(1);
    story.place(1, 1, 10);
    story.place(2, 1, 20);
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Unknown);
}

#[test]
fn an_applied_gap_fails_and_a_parked_one_is_legal() {
    let with_gap = |applied: bool, last_sequence: i64| {
        let mut story = Story::clean();
        story.snapshot_early(|tables| {
            tables.inbox.remove(1);
            tables.inbox[1].applied = applied;
            tables.standings[0].last_sequence = last_sequence;
            tables.standings[0].bid_count = last_sequence;
        });
        verdict(check, &story)
    };
    assert_eq!(with_gap(true, 3), Verdict::Fail);
    assert_eq!(with_gap(true, 2), Verdict::Fail);
    assert_eq!(with_gap(false, 1), Verdict::Pass);
    assert_eq!(with_gap(false, 3), Verdict::Fail);
}

#[test]
fn a_standing_that_goes_back_fails() {
    let mut story = Story::clean();
    story.snapshot_early(|_| {});
    story.change_last(|tables| {
        tables.inbox.truncate(2);
        tables.standings[0].last_sequence = 2;
        tables.standings[0].bid_count = 2;
    });
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn rfc_4737_by_example() {
    assert_eq!(reordered(&[1, 2, 3, 4]), []);
    assert_eq!(reordered(&[1, 2, 4, 7]), []);
    let late = |sequence, extent, behind| Late {
        sequence,
        extent,
        behind,
    };
    assert_eq!(reordered(&[1, 4, 2, 3]), [late(2, 1, 4), late(3, 2, 4)]);
    assert_eq!(reordered(&[2, 3, 4, 1]), [late(1, 3, 2)]);
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
        let fast: Vec<_> = reordered(&order).into_iter().map(|late| (late.sequence, late.extent)).collect();
        prop_assert_eq!(fast, reordered_slowly(&order));
    }
}
