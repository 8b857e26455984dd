//! What of a connection is under way, by what has passed on it.

use std::time::Instant;

use super::{amqp::Amqp, heard::Heard};
use crate::ask::wire::Dialect;

/// A connection's two directions.
#[derive(Default)]
pub(super) struct Dialogue {
    /// Where not each question is answered.
    amqp: Option<Box<Amqp>>,
    /// When the client had its last word, where each is answered.
    asked: Option<Instant>,
}

impl Dialogue {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            amqp: (dialect == Dialect::Amqp).then(Box::default),
            asked: None,
        }
    }

    /// The client has sent so many messages that ask.
    pub fn requests(&mut self, bytes: &[u8], requests: u64, at: Instant) -> Heard {
        if let Some(amqp) = &mut self.amqp {
            return amqp.requests(bytes, at);
        }
        self.asked = Some(at);
        Heard {
            requests,
            ..Heard::default()
        }
    }

    /// The server has answered.
    pub fn replies(&mut self, bytes: &[u8], at: Instant) -> Heard {
        if let Some(amqp) = &mut self.amqp {
            return amqp.replies(bytes, at);
        }
        let answered = self.asked.take().map(|asked| at - asked);
        Heard {
            round_trips: answered.into_iter().collect(),
            ..Heard::default()
        }
    }

    /// Since when the client waits for an answer, where each question is answered.
    pub fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// What is under way: requests that the server has got and not answered, deliveries that the client has got and not
    /// settled.
    pub fn in_flight(&self) -> u64 {
        match &self.amqp {
            Some(amqp) => amqp.unconfirmed() + amqp.unacked(),
            None => u64::from(self.asked.is_some()),
        }
    }

    /// Publishes that the broker has got and not answered.
    pub fn unconfirmed(&self) -> u64 {
        self.amqp.as_ref().map_or(0, |amqp| amqp.unconfirmed())
    }
}
