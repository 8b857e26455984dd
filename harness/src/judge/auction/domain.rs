//! The auction's own rules, on the rows that are left: places 1..n without gaps, each bid above the one before, the
//! highest is the last, and real time is respected (an accepted bid stands before every bid sent afterwards, and was
//! placed while somebody asked for it).

mod clock;
mod turns;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::bid::Bid;
use super::replay::Replay;
use super::standing::standings;
use super::terms::Auctions;
use crate::history::{Delivery, EffectRow, Event, History, Item, Key, Last, Outcome};
use crate::judge::basis::{Unjudgeable, last, sampled_or_exact};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("domain");
    let auctions = Auctions::of(history)?;
    let unknown = history.ops().iter();
    let mut unknown = unknown.filter(|(_, op)| auctions.get(op.asked.key).is_none());
    if let Some((op, _)) = unknown.next() {
        let example = format!("op {op} bids on an auction that was not created");
        inquiry.object(
            Verdict::Error,
            "bids on auctions that were not created",
            example,
        );
    }
    named_by_their_event(&mut inquiry, history, last);
    let mut by_auction: BTreeMap<Key, Vec<&Item>> = BTreeMap::new();
    for row in &last.tables.stored {
        by_auction.entry(row.key).or_default().push(row);
    }
    for (key, bids) in &mut by_auction {
        bids.sort_by_key(|row| row.n);
        auction(&mut inquiry, &auctions, *key, bids);
    }
    let standings = standings(last.tables);
    for (key, highest) in highest_applied(last) {
        let stands = standings.iter().find(|stands| stands.key == key);
        let shows = stands.map(|stands| (stands.highest_amount, stands.highest_bid_id));
        let right = stands.is_some_and(|stands| {
            stands.highest_amount == Some(highest.amount())
                && stands.highest_bid_id == Some(highest.item.id)
        });
        if !right {
            let example = format!(
                "auction {key} shows {shows:?}, the highest applied bid is {} of bid {}",
                highest.amount(),
                highest.item.id
            );
            inquiry.fail("auctions that do not show their highest bid", example);
        }
    }
    real_time(&mut inquiry, history, last);
    clock::placed_while_asked_for(&mut inquiry, history, last);
    if let Some(replay) = Replay::of(history)? {
        turns::in_turn(&mut inquiry, &replay.told);
    }
    let finding = inquiry.conclude(last.tables.stored.len(), "bids");
    Ok(sampled_or_exact(finding, history))
}

/// Consumers tell copies by the event's own id, and every message carries it.
fn named_by_their_event(inquiry: &mut Inquiry, history: &History, last: Last<'_>) {
    for (_, delivery) in history.deliveries() {
        let event = delivery.item.as_ref().ok();
        let Some(event) = event.and_then(|item| last.event_of(item.id)) else {
            continue;
        };
        let named = delivery.dedup.as_deref();
        // A message without a name, and one with another name than its copies, is `identity`'s.
        if named.is_some_and(|named| named != event.row) && !is_a_copy(history, delivery) {
            let example = format!("message {named:?} carries event {}", event.row);
            inquiry.fail("messages with another message_id than their event", example);
        }
    }
}

fn is_a_copy(history: &History, delivery: &Delivery) -> bool {
    let about = delivery.item.as_ref().ok().map(|item| item.id);
    let first = history
        .deliveries()
        .find(|(_, other)| other.item.as_ref().ok().map(|item| item.id) == about);
    first.is_some_and(|(_, first)| !std::ptr::eq(first, delivery))
}

fn auction(inquiry: &mut Inquiry, auctions: &Auctions<'_>, key: Key, bids: &[&Item]) {
    let places = bids.iter().map(|row| row.n);
    if !places.clone().eq(1..=bids.len() as i64) {
        let example = format!("auction {key}: places are {:?}", places.collect::<Vec<_>>());
        inquiry.fail("auctions with a gap or a doubled place", example);
    }
    for pair in bids
        .windows(2)
        .filter(|pair| pair[0].amount() >= pair[1].amount())
    {
        let example = format!(
            "auction {key}: place {} is {}, place {} is {}",
            pair[0].n,
            pair[0].amount(),
            pair[1].n,
            pair[1].amount()
        );
        inquiry.fail("bids that do not beat the one before", example);
    }
    let Some(terms) = auctions.get(key) else {
        return;
    };
    if bids[0].amount() < terms.starting_price {
        let example = format!(
            "{:?} is below the starting price {}",
            bids[0], terms.starting_price
        );
        inquiry.fail("first bids below the starting price", example);
    }
    if let Some(closes_at) = terms.closes_at_us
        && let Some(late) = bids.iter().find(|row| row.placed_at_us() >= closes_at)
    {
        let us = late.placed_at_us() - closes_at;
        let example = format!("bid {} was placed {us} us after the close", late.id);
        inquiry.fail("auctions that took bids after their close", example);
    }
    if terms.closed {
        inquiry.fail(
            "closed auctions with bids",
            format!("auction {key} has {} bids", bids.len()),
        );
    }
}

fn highest_applied(last: Last<'_>) -> BTreeMap<Key, &EffectRow> {
    let mut highest: BTreeMap<Key, &EffectRow> = BTreeMap::new();
    for row in last.tables.effects.iter().filter(|row| row.times > 0) {
        let stands = highest.entry(row.item.key).or_insert(row);
        if row.amount() > stands.amount() {
            *stands = row;
        }
    }
    highest
}

/// One pass in recorded order: a bid first sent after another was accepted must have the greater place. Only clean
/// cuts are compared, answered before asked, so that concurrent bids may stand in either order.
fn real_time(inquiry: &mut Inquiry, history: &History, last: Last<'_>) {
    let mut accepted: HashMap<Key, i64> = HashMap::new();
    let mut sent = HashSet::new();
    for event in history.events() {
        match event {
            Event::Invoked { asked, .. } => {
                let Some(row) = last.stored(asked.id).filter(|row| asked.is(row)) else {
                    continue;
                };
                let before = accepted.get(&row.key).copied().unwrap_or(0);
                if sent.insert(row.id) && row.n <= before {
                    let example = format!(
                        "bid {} was sent after place {before} was accepted and stands at {}",
                        row.id, row.n
                    );
                    inquiry.fail("bids placed before one that was accepted earlier", example);
                }
            }
            Event::Completed {
                op,
                outcome: Outcome::Accepted { .. },
            } => {
                let bid = history
                    .ops()
                    .get(op)
                    .and_then(|op| last.stored(op.asked.id));
                if let Some(row) = bid {
                    let place = accepted.entry(row.key).or_default();
                    *place = (*place).max(row.n);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
