use proptest::prelude::*;

use super::*;
use crate::judge::proof::story::{Story, verdict};
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
    story.swap_deliveries(2, 3);
    story.counts("relay 1", "relay_returned_total", 1);
    let finding = check(&story.history()).expect("a finding");
    assert_eq!(finding.verdict, Verdict::Pass);
    let overtaken = "first deliveries overtaken while the broker rejected some";
    assert_eq!(finding.counts[overtaken], 1);
}

#[test]
fn a_rejection_long_before_explains_nothing() {
    let rejections = Rejections(vec![(2_000_000, 3_000_000)]);
    assert!(rejections.explain(3_500_000, 3_600_000));
    assert!(!rejections.explain(4_500_000, 4_600_000));
    assert!(!rejections.explain(1_000_000, 1_100_000));
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
