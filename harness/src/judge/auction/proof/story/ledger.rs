//! A story's ledger: what the system's transactions commit while it is told.

use std::collections::BTreeMap;

use super::{Event, Story, lanes::Lane};
use crate::history::{Change, Commit};

/// The log, and what only the log shows: who owns which lane, and under which token events are in flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    xid: u32,
    pub clock_us: i64,
    pub tokens: i64,
    pub relays: u128,
    pub lanes: BTreeMap<i16, Lane>,
    pub claims: BTreeMap<String, i64>,
}

impl Story {
    /// When the next transaction commits: as its entry comes, and after the last one.
    pub(crate) fn next_commit_us(&self) -> i64 {
        let after = self.log.clock_us + Self::TICK_US.cast_signed();
        after.max(self.now_us().cast_signed())
    }

    /// A transaction commits.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) {
        self.log.xid += 1;
        self.log.clock_us = self.next_commit_us();
        self.events.push(Event::Committed(Commit {
            xid: self.log.xid,
            committed_at_us: self.log.clock_us,
            changes,
            others: 0,
        }));
    }

    pub(super) fn commit_some(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.commit(changes);
        }
    }
}
