//! How auctions stand: what the consumer shows of them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::history::{Key, Snapshot};

/// A row of `standings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct StandingRow {
    /// The auction.
    pub key: Key,
    /// The last applied place.
    pub last_sequence: i64,
    /// How many bids were applied.
    pub bid_count: i64,
    /// The bid with the highest applied amount.
    pub highest_bid_id: Option<Uuid>,
    /// The highest applied amount, minor units.
    pub highest_amount: Option<i64>,
}

impl From<StandingRow> for serde_json::Value {
    fn from(row: StandingRow) -> Self {
        serde_json::to_value(row).expect("names and numbers are JSON")
    }
}

/// The standings of a snapshot.
pub(in crate::judge) fn standings(snapshot: &Snapshot) -> Vec<StandingRow> {
    let read = |row: &serde_json::Value| StandingRow::deserialize(row).ok();
    snapshot.aside.iter().filter_map(read).collect()
}

#[cfg(test)]
impl Snapshot {
    /// An auction stands so from now on.
    pub(in crate::judge) fn stand(&mut self, row: StandingRow) {
        let mut rows = standings(self);
        match rows.iter_mut().find(|known| known.key == row.key) {
            Some(known) => *known = row,
            None => rows.push(row),
        }
        self.aside = rows.into_iter().map(Into::into).collect();
    }

    /// The first auction stands otherwise.
    pub(in crate::judge) fn restand(&mut self, change: impl FnOnce(&mut StandingRow)) {
        let mut row = standings(self).swap_remove(0);
        change(&mut row);
        self.stand(row);
    }
}
