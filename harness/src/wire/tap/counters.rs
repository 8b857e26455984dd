//! What went through a tap, counted by all its connections.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::heard::Heard;

/// What went through a tap since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TapCounters {
    /// Connections the system under test opened.
    pub connections_accepted: u64,
    /// Of those: the upstream refused the dial, or ended the connection before a byte came back.
    pub connections_refused_upstream: u64,
    /// Of those: bytes had come back, and then the upstream ended first, in order or with an error.
    pub connections_cut: u64,
    /// Of those on which bytes had come back: all that ended, whoever ended them.
    pub connections_ended: u64,
    /// Connections, now, on which bytes have come back.
    pub connections_living: u64,
    /// Bytes from the system under test that were passed on.
    pub bytes_requests: u64,
    /// Bytes for the system under test that were passed on.
    pub bytes_replies: u64,
    /// Connections, now, on which the system under test had the last word: where each request is answered, it waits.
    pub connections_waiting: u64,
    /// Messages from the system under test that ask for something: publishes, statements, requests.
    pub requests: u64,
    /// Settlements of deliveries from the system under test.
    pub acks: u64,
    /// Heartbeats, both ways.
    pub beats: u64,
    /// Messages that the server sent unasked.
    pub deliveries: u64,
    /// Publishes that came back, routed nowhere.
    pub returns: u64,
    /// Frames by which the server refused what was published.
    pub nacks: u64,
    /// Times the server said that it takes nothing now.
    pub blocks: u64,
    /// Channels that the server closed, by AMQP alone.
    pub closes: u64,
    /// Messages that were published, by AMQP alone.
    pub publishes: u64,
    /// Of those: with the mandatory bit, so that what is routed nowhere comes back.
    pub mandatory: u64,
    /// Channels that asked for confirms.
    pub confirming: u64,
    /// Connections in which nothing can be seen: they encrypt, or speak something else.
    pub opaque: u64,
    /// Now: requests that were passed on and not answered, and deliveries that were not settled.
    pub in_flight: u64,
    /// Now: publishes that were passed on and not confirmed.
    pub unconfirmed: u64,
}

/// The counters, as connections move them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    accepted: AtomicU64,
    pub opaque: AtomicU64,
    pub refused: AtomicU64,
    pub cut: AtomicU64,
    pub ended: AtomicU64,
    pub living: AtomicU64,
    pub bytes_requests: AtomicU64,
    pub bytes_replies: AtomicU64,
    pub waiting: AtomicU64,
    pub in_flight: AtomicU64,
    pub unconfirmed: AtomicU64,
    requests: AtomicU64,
    acks: AtomicU64,
    beats: AtomicU64,
    deliveries: AtomicU64,
    returns: AtomicU64,
    nacks: AtomicU64,
    blocks: AtomicU64,
    closes: AtomicU64,
    publishes: AtomicU64,
    mandatory: AtomicU64,
    confirming: AtomicU64,
}

impl Counts {
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub fn heard(&self, heard: &Heard) {
        self.requests.fetch_add(heard.requests, Relaxed);
        self.acks.fetch_add(heard.acks, Relaxed);
        self.beats.fetch_add(heard.beats, Relaxed);
        self.deliveries.fetch_add(heard.deliveries, Relaxed);
        self.returns.fetch_add(heard.returns, Relaxed);
        self.nacks.fetch_add(heard.nacks, Relaxed);
        self.blocks.fetch_add(heard.blocks, Relaxed);
        self.closes.fetch_add(heard.closes, Relaxed);
        self.publishes.fetch_add(heard.publishes, Relaxed);
        self.mandatory.fetch_add(heard.mandatory, Relaxed);
        self.confirming.fetch_add(heard.confirming, Relaxed);
    }

    pub fn snapshot(&self) -> TapCounters {
        let of = |count: &AtomicU64| count.load(Relaxed);
        TapCounters {
            connections_accepted: of(&self.accepted),
            connections_refused_upstream: of(&self.refused),
            connections_cut: of(&self.cut),
            connections_ended: of(&self.ended),
            connections_living: of(&self.living),
            bytes_requests: of(&self.bytes_requests),
            bytes_replies: of(&self.bytes_replies),
            connections_waiting: of(&self.waiting),
            requests: of(&self.requests),
            acks: of(&self.acks),
            beats: of(&self.beats),
            deliveries: of(&self.deliveries),
            returns: of(&self.returns),
            nacks: of(&self.nacks),
            blocks: of(&self.blocks),
            closes: of(&self.closes),
            publishes: of(&self.publishes),
            mandatory: of(&self.mandatory),
            confirming: of(&self.confirming),
            opaque: of(&self.opaque),
            in_flight: of(&self.in_flight),
            unconfirmed: of(&self.unconfirmed),
        }
    }
}

impl std::ops::AddAssign for TapCounters {
    fn add_assign(&mut self, one: Self) {
        self.connections_accepted += one.connections_accepted;
        self.connections_refused_upstream += one.connections_refused_upstream;
        self.connections_cut += one.connections_cut;
        self.connections_ended += one.connections_ended;
        self.connections_living += one.connections_living;
        self.bytes_requests += one.bytes_requests;
        self.bytes_replies += one.bytes_replies;
        self.connections_waiting += one.connections_waiting;
        self.requests += one.requests;
        self.acks += one.acks;
        self.beats += one.beats;
        self.deliveries += one.deliveries;
        self.returns += one.returns;
        self.nacks += one.nacks;
        self.blocks += one.blocks;
        self.closes += one.closes;
        self.publishes += one.publishes;
        self.mandatory += one.mandatory;
        self.confirming += one.confirming;
        self.opaque += one.opaque;
        self.in_flight += one.in_flight;
        self.unconfirmed += one.unconfirmed;
    }
}
