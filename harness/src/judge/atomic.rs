//! Bid and event are written together: each commit that writes a bid writes exactly its one event with the same content, and
//! the reverse; and in every snapshot, also in the middle of the run, each bid row has its event row, and each event row its
//! bid. Only retention takes an event away again, and only after it was published.

mod commits;
mod purge;

use std::collections::HashMap;

use crate::history::{BidRow, EventRow, History, Snapshot};
use crate::judge::auction::replay::Replay;
use crate::judge::basis::{Unjudgeable, last, names, sampled_or_exact, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;
use purge::Purged;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    last(history)?;
    // A payload that a scenario spoils on purpose still has its place, and by it its bid.
    let terms = Terms {
        spoiled_allowed: names(scenario(history)?, "events_failed"),
        placed_at_known: history.has_every_field(),
    };
    let mut inquiry = Inquiry::new("atomic");
    let replay = Replay::of(history)?;
    let mut purged = match &replay {
        Some(replay) => {
            inquiry.count("commits", replay.told.len());
            commits::judge(&mut inquiry, replay, terms.spoiled_allowed)
        }
        None => Purged::possible(history),
    };
    let mut rows = 0;
    for (number, snapshot) in history.snapshots().enumerate() {
        inquiry.count("snapshots", 1);
        rows += snapshot.bids.len() + snapshot.events.len();
        compare(&mut inquiry, number + 1, snapshot, &purged, &terms);
        purged.look(snapshot);
    }
    Ok(sampled_or_exact(
        inquiry.conclude(rows, "rows over all snapshots"),
        history,
    ))
}

/// What may differ in this history, and what can be compared in it.
struct Terms {
    spoiled_allowed: bool,
    placed_at_known: bool,
}

fn compare(
    inquiry: &mut Inquiry,
    number: usize,
    snapshot: &Snapshot,
    purged: &Purged,
    terms: &Terms,
) {
    let mut events: HashMap<_, Vec<&EventRow>> = HashMap::new();
    let mut spoiled = HashMap::new();
    for event in &snapshot.events {
        match &event.payload {
            Ok(payload) => events.entry(payload.bid_id).or_default().push(event),
            Err(_) if terms.spoiled_allowed => {
                _ = spoiled.insert((event.auction_id, event.sequence), event)
            }
            Err(why) => {
                let example = format!("snapshot {number}: event {}: {why}", event.id);
                inquiry.fail("events whose payload cannot be decoded", example);
            }
        }
    }
    for bid in &snapshot.bids {
        let of_bid = events.remove(&bid.bid_id).unwrap_or_default();
        match of_bid.as_slice() {
            [] if spoiled.remove(&(bid.auction_id, bid.sequence)).is_some() => {}
            [] if purged.may_be(bid.bid_id) => inquiry.count("events purged", 1),
            [] => inquiry.fail(
                "bids without an event",
                format!("snapshot {number}: bid {} has no event", bid.bid_id),
            ),
            [event] if !same(bid, event, terms) => inquiry.fail(
                "events with other content than their bid",
                format!("snapshot {number}: {bid:?} and {event:?}"),
            ),
            [_] => {}
            several => inquiry.fail(
                "bids with several events",
                format!(
                    "snapshot {number}: bid {} has {} events",
                    bid.bid_id,
                    several.len()
                ),
            ),
        }
    }
    let without_bid = events.into_values().flatten().chain(spoiled.into_values());
    for event in without_bid {
        let example = format!("snapshot {number}: event {} has no bid", event.id);
        inquiry.fail("events without a bid", example);
    }
}

fn same(bid: &BidRow, event: &EventRow, terms: &Terms) -> bool {
    let columns = (event.auction_id, event.sequence) == (bid.auction_id, bid.sequence);
    columns
        && event.payload.as_ref().is_ok_and(|seen| {
            (seen.auction_id, &seen.user_id, seen.amount, seen.sequence)
                == (bid.auction_id, &bid.user_id, bid.amount, bid.sequence)
                && (seen.placed_at_us == bid.placed_at_us || !terms.placed_at_known)
        })
}

#[cfg(test)]
mod tests;
