//! Which events retention may have taken away.

use std::collections::HashSet;

use uuid::Uuid;

use crate::history::{History, Snapshot};

/// The setting that a scenario about retention has, and what it was called first; without it events are kept for days,
/// longer than any run.
const RETENTION: [&str; 2] = ["OUTBOX_RETENTION_S", "RETENTION_S"];

/// The bids whose events may be missing.
pub(super) enum Purged {
    /// By the ledger: exactly these were published and deleted.
    Known(HashSet<Uuid>),
    /// By snapshots: those that an earlier one showed published, where the run is about retention at all.
    Possible(HashSet<Uuid>),
    /// None: there is no ledger, and nothing is purged in this run.
    Never,
}

impl Purged {
    /// What can be said without a ledger.
    pub fn possible(history: &History) -> Self {
        let set = history.scenario().is_some_and(|scenario| {
            RETENTION
                .iter()
                .any(|name| scenario.system.settings.contains_key(*name))
        });
        match set {
            true => Self::Possible(HashSet::new()),
            false => Self::Never,
        }
    }

    /// Learns from a snapshot what a later one may lack.
    pub fn look(&mut self, snapshot: &Snapshot) {
        let Self::Possible(bids) = self else {
            return;
        };
        let published = snapshot
            .events
            .iter()
            .filter(|row| row.status == "published");
        bids.extend(published.filter_map(|row| Some(row.payload.as_ref().ok()?.bid_id)));
    }

    pub fn may_be(&self, bid_id: Uuid) -> bool {
        match self {
            Self::Known(bids) | Self::Possible(bids) => bids.contains(&bid_id),
            Self::Never => false,
        }
    }
}
