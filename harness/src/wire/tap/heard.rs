//! What a tap hears.

use std::time::Duration;

/// What was in some bytes.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Messages that ask for something: publishes, statements, requests, and the opening of a session.
    pub requests: u64,
    /// Settlements of deliveries, which nobody answers.
    pub acks: u64,
    /// Heartbeats.
    pub beats: u64,
    /// Messages that the server sent unasked.
    pub deliveries: u64,
    /// Publishes that were routed nowhere and came back.
    pub returns: u64,
    /// Refusals of publishes, several of them perhaps in one.
    pub nacks: u64,
    /// The server takes nothing now.
    pub blocks: u64,
    /// Channels that the server closed.
    pub closes: u64,
    /// Messages that were published.
    pub publishes: u64,
    /// Of those: with the mandatory bit, so that what is routed nowhere comes back.
    pub mandatory: u64,
    /// Channels that asked for confirms.
    pub confirming: u64,
    /// How long each answer had been waited for, of those that came.
    pub round_trips: Vec<Duration>,
}
