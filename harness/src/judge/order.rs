//! Order within an auction: first deliveries in sequence, at every instant the applied bids are a prefix, and by the ledger
//! places are drawn in commit order and effects take exactly the next ones.

mod commits;
mod rejections;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::judge::inquiry::Inquiry;
use crate::judge::reorder::reordered;
use rejections::Rejections;

use crate::history::{History, Snapshot};
use crate::judge::auction::replay::Replay;
use crate::judge::basis::{Unjudgeable, last, sampled_or_exact};
use crate::judge::verdict::{Finding, Verdict};

/// With fewer events no auction can show a reordering worth the name.
const LEAST: usize = 3;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    last(history)?;
    let mut inquiry = Inquiry::new("order");
    let orders = history.first_deliveries();
    deliveries(&mut inquiry, history);
    let mut reached = HashMap::new();
    for (number, snapshot) in history.snapshots().enumerate() {
        applied_prefix(&mut inquiry, number + 1, snapshot);
        never_back(&mut inquiry, number + 1, snapshot, &mut reached);
    }
    if let Some(replay) = Replay::of(history)? {
        inquiry.count("commits", replay.told.len());
        commits::judge(&mut inquiry, &replay.told);
    }
    let judged = orders.values().filter(|order| order.len() >= LEAST).count();
    if judged == 0 {
        let example = format!("no auction has {LEAST} events, so their order says little");
        inquiry.object(Verdict::Unknown, "runs too small to show an order", example);
    }
    inquiry.count("auctions with 3 events or more", judged);
    let deliveries = orders.values().map(Vec::len).sum();
    Ok(sampled_or_exact(
        inquiry.conclude(deliveries, "first deliveries"),
        history,
    ))
}

/// First deliveries are in order, unless the broker would not take one of those that were on their way together.
fn deliveries(inquiry: &mut Inquiry, history: &History) {
    let rejections = Rejections::of(history);
    let at_us = |position: usize| history.entries()[position].at_us;
    let mut longest_extent = 0;
    for (auction_id, order) in history.first_deliveries_at() {
        let places: Vec<i64> = order.iter().map(|(sequence, _)| *sequence).collect();
        for late in reordered(&places) {
            longest_extent = longest_extent.max(late.extent);
            let (_, came) = order[late.index];
            let (_, overtook) = order[late.index - late.extent];
            if rejections.explain(at_us(overtook), at_us(came)) {
                inquiry.count(
                    "first deliveries overtaken while the broker rejected some",
                    1,
                );
                continue;
            }
            let example = format!(
                "auction {auction_id}: place {} came {} too late, after place {}",
                late.sequence, late.extent, late.behind
            );
            inquiry.fail("first deliveries out of order", example);
        }
    }
    inquiry.count("longest extent", longest_extent);
}

fn applied_prefix(inquiry: &mut Inquiry, number: usize, snapshot: &Snapshot) {
    let mut applied: BTreeMap<Uuid, BTreeSet<i64>> = BTreeMap::new();
    let standing: HashMap<_, _> = snapshot
        .standings
        .iter()
        .map(|row| (row.auction_id, row.last_sequence))
        .collect();
    let reached = |auction_id: &Uuid| standing.get(auction_id).copied().unwrap_or(0);
    for row in &snapshot.inbox {
        if row.applied {
            applied
                .entry(row.auction_id)
                .or_default()
                .insert(row.sequence);
        } else if row.sequence <= reached(&row.auction_id) {
            let example = format!("snapshot {number}: {row:?} is parked, its auction is further");
            inquiry.fail("parked bids that were passed over", example);
        }
    }
    let with_rows = standing
        .keys()
        .chain(applied.keys())
        .collect::<BTreeSet<_>>();
    for auction_id in with_rows {
        let places = applied.get(auction_id);
        let count = places.map_or(0, BTreeSet::len) as i64;
        let last_sequence = reached(auction_id);
        let first_and_last = places.and_then(|places| Some((*places.first()?, *places.last()?)));
        // Distinct places, the first 1 and the last as many as there are: no gap.
        if count != last_sequence || first_and_last.is_some_and(|ends| ends != (1, last_sequence)) {
            let example = format!(
                "snapshot {number}: auction {auction_id} stands at {last_sequence}, applied are {count} places {first_and_last:?}"
            );
            inquiry.fail("auctions whose applied bids are not a prefix", example);
        }
    }
}

fn never_back(
    inquiry: &mut Inquiry,
    number: usize,
    snapshot: &Snapshot,
    reached: &mut HashMap<Uuid, i64>,
) {
    let now: HashMap<_, _> = snapshot
        .standings
        .iter()
        .map(|row| (row.auction_id, row.last_sequence))
        .collect();
    for (auction_id, before) in reached.iter() {
        let stands = now.get(auction_id).copied().unwrap_or(0);
        if stands < *before {
            let example = format!(
                "snapshot {number}: auction {auction_id} went back from {before} to {stands}"
            );
            inquiry.fail("auctions that went back", example);
        }
    }
    reached.extend(now);
}

#[cfg(test)]
mod tests;
