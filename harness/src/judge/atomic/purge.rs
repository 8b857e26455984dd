//! Which events retention may have taken away.

use std::collections::HashSet;

use uuid::Uuid;

use crate::history::{History, OutboxRow, Snapshot, State};
use crate::judge::commits::{Told, forgotten};

/// The setting that a scenario about retention has, and what it was called first; without it events are kept for days,
/// longer than any run.
const RETENTION: [&str; 2] = ["OUTBOX_RETENTION_S", "RETENTION_S"];

/// The operations whose events may be missing.
pub(super) enum Purged {
    /// By the ledger: exactly these were sent and deleted.
    Known(HashSet<Uuid>),
    /// By snapshots: those that an earlier one showed sent, where the run is about retention at all.
    Possible(HashSet<Uuid>),
    /// None: there is no ledger, and nothing is purged in this run.
    Never,
}

impl Purged {
    /// What the ledger says.
    pub fn known(told: &[Told]) -> Self {
        Self::Known(forgotten(told))
    }

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
        let Self::Possible(ids) = self else {
            return;
        };
        let sent = snapshot
            .outbox
            .iter()
            .filter(|row| row.state == State::Sent);
        ids.extend(sent.filter_map(OutboxRow::announces));
    }

    pub fn may_be(&self, id: Uuid) -> bool {
        match self {
            Self::Known(ids) | Self::Possible(ids) => ids.contains(&id),
            Self::Never => false,
        }
    }
}
