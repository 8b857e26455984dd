//! What is known of a run while it goes on: what faults wait for, and what quiet is.

use std::fmt;

use crate::{ask::moment::Quantity, run::observer::Counts};

/// The last counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauge {
    /// By the database.
    pub counts: Counts,
    /// Deliveries at the witness.
    pub deliveries: u64,
    /// Different messages at the witness.
    pub messages: u64,
}

impl Gauge {
    /// How much there is of a quantity.
    pub fn of(&self, quantity: Quantity) -> u64 {
        let count = match quantity {
            Quantity::Stored => self.counts.bids,
            Quantity::Waiting => self.counts.pending,
            Quantity::Held => self.counts.processing,
            Quantity::Sent => self.counts.published,
            Quantity::Applied => self.counts.applied,
            Quantity::Delivered => return self.deliveries,
        };
        count.unsigned_abs()
    }

    /// Nothing waits and nothing is under way: every event is published, or given up, or behind one that was; every
    /// message was seen by the witness and received by the consumer, and nothing is parked but behind one given up.
    pub fn is_quiet(&self) -> bool {
        let counts = self.counts;
        let received = counts.applied + counts.parked;
        counts.pending == counts.held
            && counts.processing + counts.open_transactions == 0
            && (counts.parked == 0 || counts.failed > 0)
            && received >= counts.published
            && self.messages >= received.unsigned_abs()
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        write!(
            f,
            "{} bids; events: {} pending ({} behind one given up), {} processing, {} published, {} failed; {} messages at the witness; \
             {} applied, {} parked; {} open transactions",
            counts.bids,
            counts.pending,
            counts.held,
            counts.processing,
            counts.published,
            counts.failed,
            self.messages,
            counts.applied,
            counts.parked,
            counts.open_transactions
        )
    }
}
