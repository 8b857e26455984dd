//! The auction's own rules, on the rows that are left: places 1..n without gaps, each bid above the one before, the
//! highest is the last, and real time is respected (an accepted bid stands before every bid sent afterwards, and was
//! placed while somebody asked for it).

mod clock;
mod turns;

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use crate::history::{BidRow, Event, History, InboxRow, Last, Outcome};
use crate::judge::auction::replay::Replay;
use crate::judge::basis::{Unjudgeable, last, sampled_or_exact};
use crate::judge::inquiry::Inquiry;
use crate::judge::refusal::same;
use crate::judge::verdict::Finding;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("domain");
    let mut by_auction: BTreeMap<Uuid, Vec<&BidRow>> = BTreeMap::new();
    for row in &last.tables.bids {
        by_auction.entry(row.auction_id).or_default().push(row);
    }
    for (auction_id, bids) in &mut by_auction {
        bids.sort_by_key(|row| row.sequence);
        auction(&mut inquiry, history, *auction_id, bids);
    }
    for (auction_id, highest) in highest_applied(last) {
        let stands = last.standing(auction_id);
        let shows = stands.map(|stands| (stands.highest_amount, stands.highest_bid_id));
        let right = stands.is_some_and(|stands| {
            stands.highest_amount == Some(highest.amount)
                && (stands.highest_bid_id == Some(highest.bid_id) || !history.has_every_field())
        });
        if !right {
            let example = format!(
                "auction {auction_id} shows {shows:?}, the highest applied bid is {} of bid {}",
                highest.amount, highest.bid_id
            );
            inquiry.fail("auctions that do not show their highest bid", example);
        }
    }
    real_time(&mut inquiry, history, last);
    clock::placed_while_asked_for(&mut inquiry, history, last);
    if let Some(replay) = Replay::of(history)? {
        turns::in_turn(&mut inquiry, &replay.told);
    }
    let finding = inquiry.conclude(last.tables.bids.len(), "bids");
    Ok(sampled_or_exact(finding, history))
}

fn auction(inquiry: &mut Inquiry, history: &History, auction_id: Uuid, bids: &[&BidRow]) {
    let places = bids.iter().map(|row| row.sequence);
    if !places.clone().eq(1..=bids.len() as i64) {
        let example = format!(
            "auction {auction_id}: places are {:?}",
            places.collect::<Vec<_>>()
        );
        inquiry.fail("auctions with a gap or a doubled place", example);
    }
    for pair in bids
        .windows(2)
        .filter(|pair| pair[0].amount >= pair[1].amount)
    {
        let example = format!(
            "auction {auction_id}: place {} is {}, place {} is {}",
            pair[0].sequence, pair[0].amount, pair[1].sequence, pair[1].amount
        );
        inquiry.fail("bids that do not beat the one before", example);
    }
    let Some(terms) = history.auctions().get(&auction_id) else {
        return;
    };
    if bids[0].amount < terms.starting_price {
        let example = format!(
            "{:?} is below the starting price {}",
            bids[0], terms.starting_price
        );
        inquiry.fail("first bids below the starting price", example);
    }
    if let Some(closes_at) = terms.closes_at_us
        && let Some(late) = bids.iter().find(|row| row.placed_at_us >= closes_at)
    {
        let us = late.placed_at_us - closes_at;
        let example = format!("bid {} was placed {us} us after the close", late.bid_id);
        inquiry.fail("auctions that took bids after their close", example);
    }
    if terms.closed {
        inquiry.fail(
            "closed auctions with bids",
            format!("auction {auction_id} has {} bids", bids.len()),
        );
    }
}

fn highest_applied(last: Last<'_>) -> BTreeMap<Uuid, &InboxRow> {
    let mut highest: BTreeMap<Uuid, &InboxRow> = BTreeMap::new();
    for row in last.tables.inbox.iter().filter(|row| row.applied) {
        let stands = highest.entry(row.auction_id).or_insert(row);
        if row.amount > stands.amount {
            *stands = row;
        }
    }
    highest
}

/// One pass in recorded order: a bid first sent after another was accepted must have the greater place. Only clean
/// cuts are compared, answered before asked, so that concurrent bids may stand in either order.
fn real_time(inquiry: &mut Inquiry, history: &History, last: Last<'_>) {
    let mut accepted: HashMap<Uuid, i64> = HashMap::new();
    let mut sent = HashSet::new();
    for event in history.events() {
        match event {
            Event::Invoked { bid, .. } => {
                let Some(row) = last.bid(bid.bid_id).filter(|row| same(row, bid)) else {
                    continue;
                };
                let before = accepted.get(&row.auction_id).copied().unwrap_or(0);
                if sent.insert(row.bid_id) && row.sequence <= before {
                    let example = format!(
                        "bid {} was sent after place {before} was accepted and stands at {}",
                        row.bid_id, row.sequence
                    );
                    inquiry.fail("bids placed before one that was accepted earlier", example);
                }
            }
            Event::Completed {
                op,
                outcome: Outcome::Accepted { .. },
            } => {
                let bid = history.ops().get(op).and_then(|op| last.bid(op.bid.bid_id));
                if let Some(row) = bid {
                    let place = accepted.entry(row.auction_id).or_default();
                    *place = (*place).max(row.sequence);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, verdict};
    use crate::judge::verdict::Verdict;

    fn changed(change: impl FnOnce(&mut crate::history::Snapshot)) -> Verdict {
        let mut story = Story::clean();
        story.change_last(change);
        verdict(check, &story)
    }

    #[test]
    fn a_gap_or_a_doubled_place_fails() {
        assert_eq!(changed(|tables| tables.bids[2].sequence = 4), Verdict::Fail);
        assert_eq!(changed(|tables| tables.bids[2].sequence = 2), Verdict::Fail);
    }

    #[test]
    fn a_bid_that_does_not_beat_the_one_before_fails() {
        assert_eq!(changed(|tables| tables.bids[2].amount = 200), Verdict::Fail);
        assert_eq!(changed(|tables| tables.bids[2].amount = 201), Verdict::Pass);
    }

    #[test]
    fn a_first_bid_below_the_starting_price_fails() {
        assert_eq!(changed(|tables| tables.bids[0].amount = 0), Verdict::Fail);
    }

    #[test]
    fn a_bid_placed_after_the_close_fails() {
        let closes_at = |us: i64| {
            let mut story = Story::new();
            story.closing(1, us);
            (1..=3).for_each(|bid| story.place(bid, 1, 100 * bid as i64));
            story.finish();
            verdict(check, &story)
        };
        assert_eq!(closes_at(3_001), Verdict::Pass);
        assert_eq!(closes_at(3_000), Verdict::Fail);
    }

    #[test]
    fn the_standing_shows_the_highest() {
        assert_eq!(
            changed(|tables| tables.standings[0].highest_amount = Some(200)),
            Verdict::Fail
        );
        assert_eq!(
            changed(|tables| tables.standings[0].highest_amount = None),
            Verdict::Fail
        );
    }

    #[test]
    fn the_standing_names_the_bid_that_is_the_highest() {
        let named = |bid: Option<Uuid>| changed(|tables| tables.standings[0].highest_bid_id = bid);
        assert_eq!(named(Some(Story::bid_id(2))), Verdict::Fail);
        assert_eq!(named(None), Verdict::Fail);
        assert_eq!(named(Some(Story::bid_id(3))), Verdict::Pass);
    }

    #[test]
    fn real_time_binds_bids_that_do_not_overlap() {
        let swapped = |overlapping: bool| {
            let mut story = Story::new();
            story.auction(1);
            let first = story.ask(1, 1, 300);
            let early = overlapping.then(|| story.ask(2, 1, 200));
            story.store(2, 1, 200);
            story.store(1, 1, 300);
            story.accept(first, 201);
            let second = early.unwrap_or_else(|| story.ask(2, 1, 200));
            story.accept(second, 201);
            story.finish();
            verdict(check, &story)
        };
        assert_eq!(swapped(false), Verdict::Fail);
        assert_eq!(swapped(true), Verdict::Pass);
    }
}
