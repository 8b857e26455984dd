//! What is known of a run while it goes on: what faults wait for, and what quiet is.

use std::fmt;

use crate::ask::moment::Quantity;

/// How much of what there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    /// Operations that are stored.
    pub stored: i64,
    /// Events that wait.
    pub waiting: i64,
    /// Events in a relay's hands.
    pub held: i64,
    /// Events marked as sent.
    pub sent: i64,
    /// Events given up.
    pub given_up: i64,
    /// Events that wait behind one that was given up.
    pub behind: i64,
    /// Operations received that have taken effect.
    pub applied: i64,
    /// Operations received that wait.
    pub parked: i64,
    /// Transactions of the system under test that are still open.
    pub open_transactions: i64,
}

/// The last counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauge {
    /// By the database.
    pub counts: Counts,
    /// Deliveries at the witness.
    pub deliveries: u64,
    /// Different messages at the witness.
    pub messages: u64,
    /// Nothing waits and nothing is under way: every event is sent, or given up, or behind one that was; every message was
    /// seen by the witness and received by the consumer, and nothing is parked but behind one given up.
    pub at_rest: bool,
}

impl Gauge {
    /// How much there is of a quantity.
    pub fn of(&self, quantity: Quantity) -> u64 {
        let count = match quantity {
            Quantity::Stored => self.counts.stored,
            Quantity::Waiting => self.counts.waiting,
            Quantity::Held => self.counts.held,
            Quantity::Sent => self.counts.sent,
            Quantity::Applied => self.counts.applied,
            Quantity::Delivered => return self.deliveries,
        };
        count.unsigned_abs()
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        write!(
            f,
            "{} stored; events: {} waiting ({} behind one given up), {} held, {} sent, {} given up; {} messages at the witness; \
             {} applied, {} parked; {} open transactions",
            counts.stored,
            counts.waiting,
            counts.behind,
            counts.held,
            counts.sent,
            counts.given_up,
            self.messages,
            counts.applied,
            counts.parked,
            counts.open_transactions
        )
    }
}
