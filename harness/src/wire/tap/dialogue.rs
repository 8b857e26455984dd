//! One connection's bytes, understood as far as the evidence needs it: boundaries and kinds of messages.

use std::time::Instant;

use super::{amqp::Amqp, heard::Heard, http::Http, postgres::Postgres};

/// What is spoken on an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// AMQP 0-9-1.
    Amqp,
    /// Postgres' frontend protocol, version 3.
    Postgres,
    /// HTTP/1.1.
    Http,
    /// Something else: each run of bytes asks, and the next bytes back answer.
    Bytes,
}

/// A connection's two directions.
pub(super) struct Dialogue {
    language: Language,
    /// When the client had its last word, where each is answered.
    asked: Option<Instant>,
}

enum Language {
    Amqp(Box<Amqp>),
    Postgres(Postgres),
    Http(Http),
    Bytes,
}

impl Dialogue {
    pub fn new(dialect: Dialect) -> Self {
        let language = match dialect {
            Dialect::Amqp => Language::Amqp(Box::default()),
            Dialect::Postgres => Language::Postgres(Postgres::default()),
            Dialect::Http => Language::Http(Http::default()),
            Dialect::Bytes => Language::Bytes,
        };
        Self {
            language,
            asked: None,
        }
    }

    /// Hears the client.
    pub fn requests(&mut self, bytes: &[u8], at: Instant) -> Heard {
        let requests = match &mut self.language {
            Language::Amqp(amqp) => return amqp.requests(bytes, at),
            Language::Postgres(postgres) => postgres.requests(bytes),
            Language::Http(http) => http.requests(bytes),
            Language::Bytes => 1,
        };
        self.asked = Some(at);
        Heard {
            requests,
            ..Heard::default()
        }
    }

    /// Hears the server.
    pub fn replies(&mut self, bytes: &[u8], at: Instant) -> Heard {
        match &mut self.language {
            Language::Amqp(amqp) => return amqp.replies(bytes, at),
            Language::Postgres(postgres) => postgres.replies(bytes),
            Language::Http(_) | Language::Bytes => {}
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
        match &self.language {
            Language::Amqp(amqp) => amqp.unconfirmed() + amqp.unacked(),
            _ => u64::from(self.asked.is_some()),
        }
    }

    /// Publishes that the broker has got and not answered.
    pub fn unconfirmed(&self) -> u64 {
        match &self.language {
            Language::Amqp(amqp) => amqp.unconfirmed(),
            _ => 0,
        }
    }
}
