//! What passes on a connection, message by message: where each ends, what it is, and which operations are in it.
//!
//! A connection that encrypts, or speaks something else, is *opaque*: its bytes pass, and nothing in them is seen.

mod amqp;
mod http;
mod postgres;

use super::dialogue::Dialect;
use crate::ask::{
    id::{Id, Run, What, found_in},
    wire::{Event, Way},
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

/// Why the bytes of a direction are passed over from here.
#[derive(Debug, PartialEq, Eq)]
enum Lost {
    /// It encrypts, or is none of the language.
    Opaque,
}

/// A unit that is whole, nothing yet, or nothing ever.
type Taken = Result<Option<Unit>, Lost>;

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
    pub fn next(&mut self, way: Way, bytes: &[u8]) -> Option<Unit> {
        match way {
            Way::Request => self.request(bytes),
            Way::Reply => self.reply(bytes),
        }
    }

    fn request(&mut self, bytes: &[u8]) -> Option<Unit> {
        let ids = self.ids;
        self.take(bytes, |language| match language {
            Language::Postgres(session) => session.request(bytes, ids),
            Language::Amqp(connection) => connection.request(bytes, ids),
            Language::Http(connection) => connection.request(bytes, ids),
            Language::Opaque => Err(Lost::Opaque),
        })
    }

    fn reply(&mut self, bytes: &[u8]) -> Option<Unit> {
        let ids = self.ids;
        self.take(bytes, |language| match language {
            Language::Postgres(session) => session.reply(bytes, ids),
            Language::Amqp(connection) => connection.reply(bytes, ids),
            Language::Http(connection) => connection.reply(bytes, ids),
            Language::Opaque => Err(Lost::Opaque),
        })
    }

    /// A ROLLBACK that the lab puts in front of a statement of its own: its answer is not the client's.
    pub fn rolled_back(&mut self) {
        if let Language::Postgres(session) = &mut self.language {
            session.rolled_back();
        }
    }

    fn take(&mut self, bytes: &[u8], with: impl FnOnce(&mut Language) -> Taken) -> Option<Unit> {
        if bytes.is_empty() {
            return None;
        }
        match with(&mut self.language) {
            Ok(unit) => unit,
            Err(Lost::Opaque) => {
                self.language = Language::Opaque;
                Some(Unit {
                    length: bytes.len(),
                    ..Unit::default()
                })
            }
        }
    }
}

fn is_of(one: u8) -> impl Fn(&u8) -> bool {
    move |byte| *byte == one
}

/// Up to a zero byte, and what comes behind it.
fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(is_of(0))?;
    Some((
        String::from_utf8_lossy(&bytes[..end]).into_owned(),
        &bytes[end + 1..],
    ))
}
