use super::*;
use crate::history::{Change, Event, Operation};
use crate::judge::auction::standing::StandingRow;
use crate::judge::proof::story::columns::{change, is};
use crate::judge::proof::story::{Story, finding, reason, verdict};
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

/// What is said of a clean run whose last tables are otherwise.
fn counted(change: impl FnOnce(&mut Snapshot)) -> BTreeMap<String, u64> {
    let mut story = Story::clean();
    story.change_last(change);
    finding(check, &story).counts
}

#[test]
fn what_was_looked_at_is_counted() {
    let counts = [("commits", 11), ("received bids over all snapshots", 3)];
    let counts = counts.map(|(what, n)| (what.to_owned(), n));
    assert_eq!(counted(|_| ()), counts.into());
}

#[test]
fn an_example_says_in_which_snapshot_it_was_seen() {
    let mut story = Story::clean();
    story.snapshot_early(|tables| {
        tables.effects.truncate(1);
        tables.restand(|row| (row.last_sequence, row.bid_count) = (1, 1));
    });
    story.change_last(|tables| tables.aside.clear());
    let found = finding(check, &story);
    let both = ["applied are 3 places", "went back from 1 to 0"];
    for said in both {
        let example = found.examples.iter().find(|example| example.contains(said));
        let example = example.expect("an example");
        assert!(example.starts_with("snapshot 2: "), "{example}");
    }
    assert_eq!(
        found.counts["auctions with applied bids and no standing"],
        1
    );
}

#[test]
fn a_parked_bid_is_not_applied_and_is_not_passed_over() {
    let parked = |stands: i64| {
        counted(|tables| {
            tables.effects[2].times = 0;
            tables.restand(|row| (row.last_sequence, row.bid_count) = (stands, 2));
        })
    };
    assert_eq!(parked(2).len(), 2, "nothing is objected to");
    assert_eq!(parked(3)["parked bids that were passed over"], 1);
}

#[test]
fn an_auction_whose_bids_all_wait_stands_nowhere_or_at_none() {
    let waiting = |tables: &mut Snapshot| {
        tables.effects.truncate(1);
        tables.effects[0].times = 0;
    };
    let nowhere = counted(|tables| {
        waiting(tables);
        tables.aside.clear();
    });
    assert_eq!(nowhere.len(), 2, "{nowhere:?}");
    let at_none = counted(|tables| {
        waiting(tables);
        tables.restand(|row| (row.last_sequence, row.bid_count) = (0, 0));
    });
    assert_eq!(at_none.len(), 2, "{at_none:?}");
}

#[test]
fn a_standing_of_an_auction_without_bids_is_at_none() {
    let with = |place: i64| {
        counted(|tables| {
            tables.stand(StandingRow {
                key: Story::key(2),
                last_sequence: place,
                bid_count: place,
                highest_bid_id: None,
                highest_amount: None,
            });
        })
    };
    assert_eq!(with(0).len(), 2);
    assert_eq!(with(1)["auctions whose applied bids are not a prefix"], 1);
}

#[test]
fn places_are_drawn_once_and_in_any_order_within_a_commit() {
    let mut story = Story::clean();
    let (first, number) = story.written("bids", Story::id(1));
    let mut touched = story.commit_at(first).changes[number].clone();
    touched.op = Operation::Update;
    story.commit_last(vec![touched]);
    assert_eq!(verdict(check, &story), Verdict::Pass);

    let mut together = Story::clean();
    let (second, number) = together.written("bids", Story::id(2));
    let moved = together.commit_at(second).changes.remove(number);
    together.commit_at(first).changes.insert(0, moved);
    assert_eq!(verdict(check, &together), Verdict::Pass);

    let mut twice = Story::clean();
    let (third, number) = twice.written("bids", Story::id(3));
    let row = &mut twice.commit_at(third).changes[number].row;
    row.insert("sequence".to_owned(), is(2));
    let found = finding(check, &twice);
    assert_eq!(
        found.counts["bids committed out of the order of their places"],
        1
    );
}

#[test]
fn a_standing_that_is_deleted_went_back() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    story.finish();
    let gone = [("auction_id", is(Story::key(1)))];
    story.commit_last(vec![change("standings", Operation::Delete, &gone)]);
    let said = "1 standings that went back".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}

#[test]
fn a_standing_counts_what_was_applied_and_may_stay_as_it_is() {
    let mut story = Story::clean();
    story.snapshot_early(|_| {});
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.change_standing(|row| row.bid_count += 1);
    let said = "1 auctions that count another number of bids than were applied".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}
