//! Order by the ledger: what snapshots can only look at two or three times a run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::history::Key;
use crate::judge::auction::replay::{Step, Told};
use crate::judge::inquiry::Inquiry;

/// An auction's effects within one commit.
#[derive(Default)]
struct Effects {
    /// Places that became applied.
    applied: BTreeSet<i64>,
    /// Where the auction stands afterwards, if it moved.
    stands: Option<i64>,
}

pub(super) fn judge(inquiry: &mut Inquiry, told: &[Told<'_>]) {
    let mut places: HashMap<Key, i64> = HashMap::new();
    let mut stands: HashMap<Key, i64> = HashMap::new();
    for told in told {
        drawn(inquiry, told, &mut places);
        for (key, effects) in effects(inquiry, told) {
            let stood = stands.entry(key).or_default();
            took_the_next(inquiry, told, key, &effects, *stood);
            *stood = effects.stands.unwrap_or(*stood);
        }
    }
}

/// Bids of an auction commit in the order of their places.
fn drawn(inquiry: &mut Inquiry, told: &Told<'_>, places: &mut HashMap<Key, i64>) {
    let bids = told.steps.iter().filter_map(|step| match step {
        Step::Bid(turn) if turn.before.is_none() => turn.after.as_ref(),
        _ => None,
    });
    // Within a commit all come at once.
    let mut together: Vec<_> = bids.map(|bid| (bid.key, bid.n)).collect();
    together.sort_unstable();
    for (key, n) in together {
        let highest = places.entry(key).or_default();
        if n <= *highest {
            let example = format!(
                "transaction {}: auction {key}: place {n} committed after place {highest}",
                told.commit.xid
            );
            inquiry.fail("bids committed out of the order of their places", example);
        }
        *highest = n.max(*highest);
    }
}

fn effects(inquiry: &mut Inquiry, told: &Told<'_>) -> BTreeMap<Key, Effects> {
    let mut of: BTreeMap<Key, Effects> = BTreeMap::new();
    for step in &told.steps {
        match step {
            Step::Received(turn) => {
                let was = turn.before.as_ref().is_some_and(|row| row.applied);
                let is = turn.after.as_ref().filter(|row| row.applied);
                match (was, is) {
                    (false, Some(row)) => _ = of.entry(row.key).or_default().applied.insert(row.n),
                    (true, None) => {
                        let example = format!("transaction {}: {:?}", told.commit.xid, turn.before);
                        inquiry.fail("applied bids that were taken back", example);
                    }
                    _ => {}
                }
            }
            Step::Standing(turn) => {
                let auction = turn.after.as_ref().or(turn.before.as_ref());
                if let Some(auction) = auction.map(|row| row.key) {
                    let after = turn.after.as_ref().map_or(0, |row| row.last_sequence);
                    of.entry(auction).or_default().stands = Some(after);
                }
            }
            _ => {}
        }
    }
    of
}

fn took_the_next(inquiry: &mut Inquiry, told: &Told<'_>, key: Key, effects: &Effects, stood: i64) {
    let stands = effects.stands.unwrap_or(stood);
    let xid = told.commit.xid;
    if stands < stood {
        let example = format!("transaction {xid}: auction {key} from {stood} to {stands}");
        inquiry.fail("standings that went back", example);
    } else if !effects.applied.iter().copied().eq(stood + 1..=stands) {
        let example = format!(
            "transaction {xid}: auction {key} from {stood} to {stands} by the places {:?}",
            effects.applied
        );
        inquiry.fail("effects that did not take exactly the next places", example);
    }
}
