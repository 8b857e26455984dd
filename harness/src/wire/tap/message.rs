//! What passes on a connection, message by message: where each ends, what it is, and which operations are in it.
//!
//! A connection that encrypts, or speaks something else, is *opaque*: its bytes pass, and nothing in them is seen.

mod amqp;
mod http;
pub(super) mod postgres;

use super::frame::NoFrame;
use crate::ask::{
    id::{Id, Run, What, found_in},
    toxic::Direction,
    wire::{Dialect, Event},
};

/// A message longer than this passes as it comes: nothing that is watched for is as long.
const LONGEST: usize = 1 << 20;

/// The first bytes of what has come, which belong together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// How many.
    pub length: usize,
    /// What is in them: a publish with all of its frames is one.
    pub seen: Vec<Seen>,
    /// How many of them ask for something, where each question is answered. Of AMQP that is counted when they have passed.
    pub requests: u64,
    /// It answers what the lab itself has asked: it is not the client's.
    pub own: bool,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub event: Event,
    /// Its text: of a statement the SQL, of a COMMIT that of its transaction, of an answer that of its question, of a message
    /// its exchange, routing key and properties, of a request its first line.
    pub text: String,
    /// Operations that are named in it, or in what it answers.
    pub ids: Vec<Id>,
}

impl Seen {
    fn of(event: Event, text: impl Into<String>, ids: Vec<Id>) -> Self {
        Self {
            event,
            text: text.into(),
            ids,
        }
    }

    /// Statements, requests, and the opening of a session. Preparing, binding and synchronising ask for nothing by
    /// themselves, and a pool's ping is only a synchronisation.
    fn asks(&self) -> bool {
        use Event::{Commit, Execute, Query, Request, Startup};
        matches!(self.event, Startup | Query | Execute | Commit | Request)
    }
}

impl Unit {
    /// One message, or bytes that are none.
    fn of(length: usize, seen: Option<Seen>) -> Self {
        Self {
            length,
            requests: seen.as_ref().map_or(0, |seen| u64::from(seen.asks())),
            seen: seen.into_iter().collect(),
            own: false,
        }
    }
}

/// Reads both directions of a connection.
pub(super) struct Messages {
    language: Language,
    ids: Ids,
}

enum Language {
    Postgres(Box<postgres::Session>),
    Amqp(Box<amqp::Connection>),
    Http(Box<http::Connection>),
    Opaque,
}

/// Looks for the operations of a run; for none where nobody asks.
#[derive(Clone, Copy)]
struct Ids(Option<Run>);

impl Ids {
    fn within(self, bytes: &[u8]) -> Vec<Id> {
        let Some(run) = self.0 else {
            return Vec::new();
        };
        let mut ids: Vec<Id> = found_in(bytes, run)
            .into_iter()
            .filter_map(|found| match found.what {
                What::Ours(id) => Some(id),
                _ => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// It encrypts, or is none of the language: nothing can be told apart from here.
#[derive(Debug, PartialEq, Eq)]
struct Opaque;

impl From<NoFrame> for Opaque {
    fn from(NoFrame: NoFrame) -> Self {
        Self
    }
}

/// A unit that is whole, nothing yet, or nothing ever.
type Taken = Result<Option<Unit>, Opaque>;

impl Messages {
    pub fn new(dialect: Dialect, run: Option<Run>) -> Self {
        let language = match dialect {
            Dialect::Postgres => Language::Postgres(Box::default()),
            Dialect::Amqp => Language::Amqp(Box::default()),
            Dialect::Http => Language::Http(Box::default()),
            Dialect::Bytes => Language::Opaque,
        };
        Self {
            language,
            ids: Ids(run),
        }
    }

    /// Whether nothing can be seen in it.
    pub fn is_opaque(&self) -> bool {
        matches!(self.language, Language::Opaque)
    }

    /// The first message of one side's bytes; none while it is not all there.
    pub fn next(&mut self, way: Direction, bytes: &[u8]) -> Option<Unit> {
        if bytes.is_empty() {
            return None;
        }
        let ids = self.ids;
        let taken = match &mut self.language {
            Language::Postgres(session) => session.next(way, bytes, ids),
            Language::Amqp(connection) => connection.next(way, bytes, ids),
            Language::Http(connection) => connection.next(way, bytes, ids),
            Language::Opaque => Err(Opaque),
        };
        taken.unwrap_or_else(|Opaque| {
            self.language = Language::Opaque;
            Some(Unit {
                // Whatever is sent asks.
                requests: 1,
                ..Unit::of(bytes.len(), None)
            })
        })
    }

    /// A ROLLBACK that the lab puts in front of a statement of its own: its answer is not the client's.
    pub fn rolled_back(&mut self) {
        if let Language::Postgres(session) = &mut self.language {
            session.rolled_back();
        }
    }
}

/// Up to a zero byte, and what comes behind it.
fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((
        String::from_utf8_lossy(&bytes[..end]).into_owned(),
        &bytes[end + 1..],
    ))
}
