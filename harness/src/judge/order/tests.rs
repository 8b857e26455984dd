use proptest::prelude::*;

use super::*;
use crate::history::{Change, Event, Operation};
use crate::judge::proof::story::ledger::is;
use crate::judge::proof::story::{Story, reason, verdict};
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
fn places_that_commit_out_of_their_order_fail() {
    let mut story = Story::clean();
    story.swap_commits("bids", Story::bid_id(2), Story::bid_id(3));
    let said = "1 bids committed out of the order of their places".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
    // Another auction's commit may come between.
    let mut story = Story::new();
    [1, 2]
        .into_iter()
        .for_each(|auction| story.auction(auction));
    for (bid, auction) in [(1, 1), (2, 2), (3, 1), (4, 2), (5, 1)] {
        story.place(bid, auction, 10 * bid as i64);
    }
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn effects_out_of_order_between_two_snapshots_fail() {
    let mut story = Story::clean();
    story.swap_commits("inbox", Story::bid_id(2), Story::bid_id(3));
    let said = "1 effects that did not take exactly the next places; 1 standings that went back";
    assert_eq!(reason(check, &story), (Verdict::Fail, said.to_owned()));
}

/// Bids 2 and 3 come before bid 1, are parked, and are applied with it, all at once.
fn parked(applied_early: bool) -> Story {
    let mut story = Story::clean();
    let row = |story: &mut Story, table: &str, bid| {
        let (at, number) = story.written(table, Story::bid_id(bid));
        story.commit_at(at).changes[number].clone()
    };
    let bids: Vec<_> = (1..=3).map(|bid| row(&mut story, "inbox", bid)).collect();
    let (first, _) = story.written("inbox", Story::bid_id(1));
    let begun = story.commit_at(first).changes[0].clone();
    let is_effect = |change: &Change| ["inbox", "standings"].contains(&change.table.as_str());
    for event in &mut story.events {
        if let Event::Committed(commit) = event {
            commit.changes.retain(|change| !is_effect(change));
        }
    }
    let parked = |bid: &Change| {
        let mut bid = bid.clone();
        bid.row.insert("applied_at".to_owned(), None);
        bid
    };
    let update = |change: &Change| Change {
        op: Operation::Update,
        ..change.clone()
    };
    let standing = |place: i64| {
        let mut standing = update(&begun);
        standing.row.insert("last_sequence".to_owned(), is(place));
        standing
    };
    story.commit_last(vec![begun.clone(), parked(&bids[2]), parked(&bids[1])]);
    if applied_early {
        story.commit_last(vec![update(&bids[1])]);
    }
    let applied = [
        bids[0].clone(),
        standing(1),
        update(&bids[2]),
        update(&bids[1]),
        standing(3),
    ];
    story.commit_last(applied.to_vec());
    story
}

#[test]
fn parked_bids_are_applied_together_with_what_they_waited_for_and_not_before() {
    assert_eq!(verdict(check, &parked(false)), Verdict::Pass);
    assert_eq!(verdict(check, &parked(true)), Verdict::Fail);
}

#[test]
fn an_applied_bid_that_is_taken_back_fails() {
    let mut story = Story::clean();
    let (at, number) = story.written("inbox", Story::bid_id(3));
    let mut bid = story.commit_at(at).changes[number].clone();
    bid.op = Operation::Update;
    bid.row.insert("applied_at".to_owned(), None);
    story.commit_last(vec![bid]);
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn without_a_ledger_the_snapshots_judge() {
    let mut story = Story::clean();
    story.sampled("no slot");
    let said = "holds for 3 first deliveries (sampled)".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Pass, said));
}

#[test]
fn rfc_4737_by_example() {
    assert_eq!(reordered(&[1, 2, 3, 4]), []);
    assert_eq!(reordered(&[1, 2, 4, 7]), []);
    let late = |sequence, index, extent, behind| Late {
        sequence,
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
        let fast: Vec<_> = reordered(&order).into_iter().map(|late| (late.sequence, late.extent)).collect();
        prop_assert_eq!(fast, reordered_slowly(&order));
    }
}
