use super::*;
use crate::history::{Change, Event, Operation};
use crate::judge::proof::story::ledger::is;
use crate::judge::proof::story::{Story, reason, verdict};
use crate::judge::verdict::Verdict;

#[test]
fn an_applied_gap_fails_and_a_parked_one_is_legal() {
    let with_gap = |applied: bool, last_sequence: i64| {
        let mut story = Story::clean();
        story.snapshot_early(|tables| {
            tables.effects.remove(1);
            tables.effects[1].times = u64::from(applied);
            tables.restand(|row| {
                row.last_sequence = last_sequence;
                row.bid_count = last_sequence;
            });
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
        tables.effects.truncate(2);
        tables.restand(|row| {
            row.last_sequence = 2;
            row.bid_count = 2;
        });
    });
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn places_that_commit_out_of_their_order_fail() {
    let mut story = Story::clean();
    story.swap_commits("bids", Story::id(2), Story::id(3));
    let said = "1 bids committed out of the order of their places".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
    // Another auction's commit may come between.
    let mut story = Story::new();
    [1, 2].into_iter().for_each(|auction| story.opens(auction));
    for (bid, auction) in [(1, 1), (2, 2), (3, 1), (4, 2), (5, 1)] {
        story.place(bid, auction, 10 * bid as i64);
    }
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn effects_out_of_order_between_two_snapshots_fail() {
    let mut story = Story::clean();
    story.swap_commits("inbox", Story::id(2), Story::id(3));
    let said = "1 effects that did not take exactly the next places; 1 standings that went back";
    assert_eq!(reason(check, &story), (Verdict::Fail, said.to_owned()));
}

/// Bids 2 and 3 come before bid 1, are parked, and are applied with it, all at once.
fn parked(applied_early: bool) -> Story {
    let mut story = Story::clean();
    let row = |story: &mut Story, table: &str, bid| {
        let (at, number) = story.written(table, Story::id(bid));
        story.commit_at(at).changes[number].clone()
    };
    let bids: Vec<_> = (1..=3).map(|bid| row(&mut story, "inbox", bid)).collect();
    let (first, _) = story.written("inbox", Story::id(1));
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
    let (at, number) = story.written("inbox", Story::id(3));
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
    let said = "holds for 3 received bids over all snapshots (sampled)".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Pass, said));
}
