//! A window: events that are claimed, published and marked together. Rows become messages here, and fates become what is
//! written back.

use std::time::{Duration, Instant};

use crate::{
    events,
    metrics::RelayMetrics,
    outbox::{ClaimedEvent, Rejection},
    publisher::{Fate, Message},
};

/// Claimed together, in order.
pub(super) type Window = Vec<ClaimedEvent>;

/// A window on its way to the broker.
pub(super) struct Sending {
    /// One for each message, in order.
    events: Vec<ClaimedEvent>,
    /// What cannot be a message.
    undecodable: Vec<Rejection>,
    /// Events claimed; some may stay behind.
    claimed: usize,
    since: Instant,
}

/// What became of a window, for the database.
pub(super) struct Settled {
    pub confirmed: Vec<ClaimedEvent>,
    pub rejected: Vec<Rejection>,
    clean: bool,
}

impl Sending {
    /// Turns rows into messages. What cannot be one is rejected, and its auction's later events of this window stay behind
    /// with it.
    pub fn encode(window: Window) -> (Self, Vec<Message>) {
        let mut undecodable: Vec<Rejection> = Vec::new();
        let claimed = window.len();
        let mut events = Vec::with_capacity(window.len());
        let mut messages = Vec::with_capacity(window.len());
        for event in window {
            let mut earlier = undecodable.iter().map(|rejection| &rejection.event);
            if earlier.any(|earlier| earlier.auction_id == event.auction_id) {
                continue;
            }
            match events::from_outbox(&event.event_type, event.payload.as_bytes()) {
                Ok(decoded) => {
                    let traceparent = event.traceparent.as_deref();
                    messages.push(Message::new(event.id, &decoded, traceparent));
                    events.push(event);
                }
                Err(error) => undecodable.push(Rejection {
                    reason: error.to_string(),
                    event,
                }),
            }
        }
        let sending = Self {
            events,
            undecodable,
            claimed,
            since: Instant::now(),
        };
        (sending, messages)
    }

    /// How long it has been on its way.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Sorts its events by their fates. What is neither confirmed nor rejected is handed back when the session ends.
    pub fn settle(self, fates: Vec<Fate>, metrics: &RelayMetrics) -> Settled {
        let mut confirmed = Vec::with_capacity(self.events.len());
        let mut rejected = self.undecodable;
        let reject = |event, reason: &str| Rejection {
            event,
            reason: reason.to_owned(),
        };
        for (event, fate) in self.events.into_iter().zip(fates) {
            match fate {
                Fate::Confirmed => confirmed.push(event),
                Fate::Returned => {
                    metrics.returned.inc();
                    let reason = "returned by the broker: no queue is bound to the exchange";
                    rejected.push(reject(event, reason));
                }
                Fate::Nacked => {
                    metrics.nacked.inc();
                    rejected.push(reject(event, "nacked by the broker"));
                }
                Fate::Unknown => {}
            }
        }
        Settled {
            clean: confirmed.len() == self.claimed,
            confirmed,
            rejected,
        }
    }
}

impl Settled {
    /// Every event of the window was confirmed.
    pub fn is_clean(&self) -> bool {
        self.clean
    }
}
