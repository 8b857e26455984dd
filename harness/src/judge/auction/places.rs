//! Places within an auction: at every instant the applied bids are a prefix of them, the consumer counts as many as it has
//! applied, and by the ledger they are drawn in commit order and effects take exactly the next ones.

mod commits;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::replay::Replay;
use super::standing::{StandingRow, standings};
use crate::history::{History, Key, Snapshot};
use crate::judge::basis::{Unjudgeable, last, sampled_or_exact};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("places");
    let mut reached = HashMap::new();
    let mut rows = 0;
    for (number, snapshot) in history.snapshots().enumerate() {
        let standings = standings(snapshot);
        rows += snapshot.effects.len();
        applied_prefix(&mut inquiry, number + 1, snapshot, &standings);
        never_back(&mut inquiry, number + 1, &standings, &mut reached);
    }
    counted(&mut inquiry, last.tables, &standings(last.tables));
    if let Some(replay) = Replay::of(history)? {
        inquiry.count("commits", replay.told.len());
        commits::judge(&mut inquiry, &replay.told);
    }
    let finding = inquiry.conclude(rows, "received bids over all snapshots");
    Ok(sampled_or_exact(finding, history))
}

/// The consumer counts as many bids as it has applied.
fn counted(inquiry: &mut Inquiry, last: &Snapshot, standings: &[StandingRow]) {
    let mut applied: BTreeMap<Key, i64> = BTreeMap::new();
    for effect in last.effects.iter().filter(|effect| effect.times > 0) {
        *applied.entry(effect.item.key).or_default() += 1;
    }
    for standing in standings {
        let inbox = applied.remove(&standing.key).unwrap_or(0);
        if standing.bid_count != inbox {
            let example = format!(
                "auction {} counts {} bids, {inbox} were applied",
                standing.key, standing.bid_count
            );
            inquiry.fail(
                "auctions that count another number of bids than were applied",
                example,
            );
        }
    }
    for (key, inbox) in applied {
        let example = format!("auction {key} has no standing, {inbox} bids were applied");
        inquiry.fail("auctions with applied bids and no standing", example);
    }
}

fn applied_prefix(
    inquiry: &mut Inquiry,
    number: usize,
    snapshot: &Snapshot,
    standings: &[StandingRow],
) {
    let mut applied: BTreeMap<Key, BTreeSet<i64>> = BTreeMap::new();
    let standing: HashMap<_, _> = standings
        .iter()
        .map(|row| (row.key, row.last_sequence))
        .collect();
    let reached = |key: &Key| standing.get(key).copied().unwrap_or(0);
    for row in &snapshot.effects {
        let item = &row.item;
        if row.times > 0 {
            applied.entry(item.key).or_default().insert(item.n);
        } else if item.n <= reached(&item.key) {
            let example = format!("snapshot {number}: {row:?} is parked, its auction is further");
            inquiry.fail("parked bids that were passed over", example);
        }
    }
    let with_rows = standing
        .keys()
        .chain(applied.keys())
        .collect::<BTreeSet<_>>();
    for key in with_rows {
        let places = applied.get(key);
        let count = places.map_or(0, BTreeSet::len) as i64;
        let last_sequence = reached(key);
        let first_and_last = places.and_then(|places| Some((*places.first()?, *places.last()?)));
        // Distinct places, the first 1 and the last as many as there are: no gap.
        if count != last_sequence || first_and_last.is_some_and(|ends| ends != (1, last_sequence)) {
            let example = format!(
                "snapshot {number}: auction {key} stands at {last_sequence}, applied are {count} places {first_and_last:?}"
            );
            inquiry.fail("auctions whose applied bids are not a prefix", example);
        }
    }
}

fn never_back(
    inquiry: &mut Inquiry,
    number: usize,
    standings: &[StandingRow],
    reached: &mut HashMap<Key, i64>,
) {
    let now: HashMap<_, _> = standings
        .iter()
        .map(|row| (row.key, row.last_sequence))
        .collect();
    for (key, before) in reached.iter() {
        let stands = now.get(key).copied().unwrap_or(0);
        if stands < *before {
            let example =
                format!("snapshot {number}: auction {key} went back from {before} to {stands}");
            inquiry.fail("auctions that went back", example);
        }
    }
    reached.extend(now);
}

#[cfg(test)]
mod tests;
