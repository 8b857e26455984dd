//! A window: events that are claimed, published and marked together. Rows become messages here, and fates become what is
//! written back.

use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tracing::{Span, warn};

use crate::{
    events,
    metrics::RelayMetrics,
    outbox::{ClaimedEvent, Undecodable},
    publisher::{Fate, Message},
    traces,
};

/// Claimed together, in order.
pub(super) struct Window {
    pub events: Vec<ClaimedEvent>,
    /// Its only event may be what ends its relays.
    pub suspect: bool,
    /// Given back when the window has been written back, or with the session.
    pub in_hands: OwnedSemaphorePermit,
}

/// A window on its way to the broker.
pub(super) struct Sending {
    /// One for each message, in order.
    events: Vec<ClaimedEvent>,
    /// What cannot be a message.
    undecodable: Vec<Undecodable>,
    /// Events claimed; some may stay behind.
    claimed: usize,
    since: Instant,
    in_hands: OwnedSemaphorePermit,
    /// One for each message, if anybody takes them.
    spans: Vec<Span>,
}

/// Why the broker would not take an event. Its own condition, and no event's fault: all of them wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("RabbitMQ returned an event: no queue is bound to the exchange")]
    Returned,
    #[error("RabbitMQ nacked an event: its queue takes none now (full, or without a majority)")]
    Nacked,
}

/// What became of a window, for the database.
pub(super) struct Settled {
    pub confirmed: Vec<ClaimedEvent>,
    pub undecodable: Vec<Undecodable>,
    /// Why some of it was not taken.
    pub refusal: Option<Refusal>,
    clean: bool,
    _in_hands: OwnedSemaphorePermit,
}

impl Sending {
    /// Turns rows into messages. What cannot be one is to fail, and its auction's later events of this window stay behind
    /// with it.
    pub fn encode(window: Window, exchange: &str) -> (Self, Vec<Message>) {
        let mut undecodable: Vec<Undecodable> = Vec::new();
        let claimed = window.events.len();
        let mut events = Vec::with_capacity(claimed);
        let mut messages = Vec::with_capacity(claimed);
        let mut spans = Vec::new();
        for event in window.events {
            let mut earlier = undecodable.iter().map(|undecodable| &undecodable.event);
            if earlier.any(|earlier| earlier.auction_id == event.auction_id) {
                continue;
            }
            match events::from_outbox(&event.event_type, event.payload.as_bytes()) {
                Ok(decoded) => {
                    let mut traced = None;
                    if traces::are_taken() {
                        let span = traces::publish(&event, exchange);
                        traced = traces::traceparent(&span);
                        spans.push(span);
                    }
                    let traceparent = traced.as_deref().or(event.traceparent.as_deref());
                    messages.push(Message::new(event.id, &decoded, traceparent));
                    events.push(event);
                }
                Err(error) => undecodable.push(Undecodable {
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
            in_hands: window.in_hands,
            spans,
        };
        (sending, messages)
    }

    /// Some of it stays behind: nothing that was claimed after it may go out before it.
    pub fn leaves_some_behind(&self) -> bool {
        self.events.len() < self.claimed
    }

    /// Its first event.
    pub fn first(&self) -> Option<&ClaimedEvent> {
        self.events.first()
    }

    /// How long it has been on its way.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Sorts its events by their fates. What is neither confirmed nor undecodable is handed back when the session ends.
    pub fn settle(self, fates: Vec<Fate>, metrics: &RelayMetrics) -> Settled {
        let mut confirmed = Vec::with_capacity(self.events.len());
        let mut refusal = None;
        let mut spans = self.spans.into_iter();
        for (event, fate) in self.events.into_iter().zip(fates) {
            let span = spans.next().unwrap_or_else(Span::none);
            let why = match fate {
                Fate::Confirmed => {
                    confirmed.push(event);
                    continue;
                }
                Fate::Returned => {
                    metrics.returned.inc();
                    Refusal::Returned
                }
                Fate::Nacked => {
                    metrics.nacked.inc();
                    Refusal::Nacked
                }
                Fate::Unknown => {
                    traces::failed(&span, "not confirmed");
                    continue;
                }
            };
            traces::failed(&span, &why.to_string());
            if refusal.is_none() {
                warn!(
                    %why, event = %event.id, auction = %event.auction_id, trace_id = event.trace_id(),
                    "an event was not taken"
                );
                refusal = Some(why);
            }
        }
        Settled {
            clean: confirmed.len() == self.claimed,
            confirmed,
            undecodable: self.undecodable,
            refusal,
            _in_hands: self.in_hands,
        }
    }
}

impl Settled {
    /// Every event of the window was confirmed.
    pub fn is_clean(&self) -> bool {
        self.clean
    }
}
