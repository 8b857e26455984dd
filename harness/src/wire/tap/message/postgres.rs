//! Postgres' protocol, version 3: statements, whether simple or prepared, and their answers.

mod question;

use std::collections::HashMap;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend;

use super::{Ids, LONGEST, Opaque, Seen, Taken, Unit, text};
use crate::ask::{id::Id, toxic::Direction, wire::Event};
use question::{Question, Questions};

const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
const CANCEL: u32 = 80_877_102;
const VERSION_3: u32 = 3;
/// Type and length.
const HEAD: usize = 5;
const LENGTH: usize = 4;

/// One session.
#[derive(Default)]
pub(super) struct Session {
    stage: Stage,
    /// Bytes of long messages that are still to come, to the server and from it.
    long: [usize; 2],
    /// Prepared statements by their names, portals by theirs.
    prepared: HashMap<String, String>,
    portals: HashMap<String, (String, Vec<Id>)>,
    questions: Questions,
    transaction: Transaction,
    /// Answers that are the lab's own, not the client's.
    own: usize,
}

#[derive(Default, PartialEq)]
enum Stage {
    #[default]
    Fresh,
    /// Waits for one byte: whether the server encrypts.
    Asked,
    Started,
}

/// What a session has said since its last BEGIN.
#[derive(Default)]
struct Transaction {
    text: String,
    ids: Vec<Id>,
}

impl Transaction {
    fn says(&mut self, sql: &str, ids: &[Id]) {
        let begins = starts_with(sql, "BEGIN") || starts_with(sql, "START TRANSACTION");
        if begins {
            *self = Self::default();
        }
        if self.text.len() < LONGEST {
            self.text.push_str(sql);
            self.text.push_str("; ");
        }
        self.ids.extend(ids);
        self.ids.sort_unstable();
        self.ids.dedup();
    }
}

impl Session {
    pub fn rolled_back(&mut self) {
        self.own += 1;
    }

    pub fn next(&mut self, way: Direction, bytes: &[u8], ids: Ids) -> Taken {
        match way {
            Direction::Requests => self.request(bytes, ids),
            Direction::Replies => self.reply(bytes, ids),
        }
    }

    fn request(&mut self, bytes: &[u8], ids: Ids) -> Taken {
        if self.stage != Stage::Started {
            return self.opening(bytes);
        }
        let Some((kind, body, length)) = whole(bytes, &mut self.long[0]) else {
            return Ok(None);
        };
        let Some(body) = body else {
            return Ok(Some(Unit::of(length, None)));
        };
        let seen = self.asks(kind, body, ids);
        Ok(Some(Unit::of(length, seen)))
    }

    fn opening(&mut self, bytes: &[u8]) -> Taken {
        let word = |at: usize| {
            let four = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(four))
        };
        let (Some(length), Some(code)) = (word(0), word(LENGTH)) else {
            return Ok(None);
        };
        let length = length as usize;
        if !(8..LONGEST).contains(&length) {
            return Err(Opaque);
        }
        if bytes.len() < length {
            return Ok(None);
        }
        let event = match code {
            SSL | GSS => {
                self.stage = Stage::Asked;
                None
            }
            CANCEL => return Err(Opaque),
            version if version >> 16 == VERSION_3 => {
                self.stage = Stage::Started;
                let said = String::from_utf8_lossy(&bytes[8..length]).replace('\0', " ");
                Some(Seen::of(Event::Startup, said.trim(), Vec::new()))
            }
            _ => return Err(Opaque),
        };
        Ok(Some(Unit::of(length, event)))
    }

    fn asks(&mut self, kind: u8, body: &[u8], ids: Ids) -> Option<Seen> {
        match kind {
            b'Q' => {
                let (sql, _) = text(body)?;
                let found = ids.within(body);
                Some(self.carries_out(sql, found, Event::Query))
            }
            b'P' => {
                let (name, rest) = text(body)?;
                let (sql, _) = text(rest)?;
                self.prepared.insert(name, sql.clone());
                Some(Seen::of(Event::Parse, sql, ids.within(body)))
            }
            b'B' => {
                let (portal, rest) = text(body)?;
                let (name, values) = text(rest)?;
                let sql = self.prepared.get(&name).cloned().unwrap_or_default();
                let found = ids.within(values);
                self.portals.insert(portal, (sql, found));
                None
            }
            b'E' => {
                let (portal, _) = text(body)?;
                let (sql, found) = self.portals.get(&portal).cloned().unwrap_or_default();
                Some(self.carries_out(sql, found, Event::Execute))
            }
            b'S' => {
                self.questions.push(Question::Sync);
                Some(Seen::of(Event::Sync, "", Vec::new()))
            }
            b'X' => Some(Seen::of(Event::Terminate, "", Vec::new())),
            _ => None,
        }
    }

    fn carries_out(&mut self, sql: String, found: Vec<Id>, event: Event) -> Seen {
        let simple = event == Event::Query;
        let commit = is_commit(&sql);
        let within = self.transaction.ids.clone();
        self.transaction.says(&sql, &found);
        let (event, shown, ids) = match commit {
            true => {
                let Transaction { text, ids } = std::mem::take(&mut self.transaction);
                (Event::Commit, text, ids)
            }
            // A statement that names nothing, in a transaction that does: SELECT … FOR UPDATE behind an INSERT.
            false if found.is_empty() => (event, sql, within),
            false => (event, sql, found),
        };
        let asked = Question::Statement {
            simple,
            commit,
            text: shown.clone(),
            ids: ids.clone(),
        };
        self.questions.push(asked);
        Seen::of(event, shown, ids)
    }

    fn reply(&mut self, bytes: &[u8], ids: Ids) -> Taken {
        if self.stage == Stage::Asked {
            self.stage = Stage::Fresh;
            // `E` is an old server's error message; anything but a no ends what can be read.
            return match bytes[0] {
                b'N' => Ok(Some(Unit::of(1, None))),
                _ => Err(Opaque),
            };
        }
        let Some((kind, body, length)) = whole(bytes, &mut self.long[1]) else {
            return Ok(None);
        };
        if kind == b'C' && body.is_some() && self.own > 0 {
            self.own -= 1;
            return Ok(Some(Unit {
                own: true,
                ..Unit::of(length, None)
            }));
        }
        let seen = body.and_then(|_| self.answers(kind, &bytes[..length], ids));
        Ok(Some(Unit::of(length, seen)))
    }

    fn answers(&mut self, kind: u8, message: &[u8], ids: Ids) -> Option<Seen> {
        if !matches!(kind, b'C' | b'E' | b'Z' | b'A' | b'I' | b's') {
            return None;
        }
        match backend::Message::parse(&mut BytesMut::from(message)).ok()?? {
            backend::Message::CommandComplete(_) | backend::Message::EmptyQueryResponse => {
                let done = self.questions.done()?;
                let event = match done.commit {
                    true => Event::Committed,
                    false => Event::Complete,
                };
                Some(Seen::of(event, done.text, done.ids))
            }
            backend::Message::ErrorResponse(body) => {
                let mut said = String::new();
                let mut fields = body.fields();
                while let Ok(Some(field)) = fields.next() {
                    if matches!(field.type_(), b'C' | b'M') {
                        said.push_str(&String::from_utf8_lossy(field.value_bytes()));
                        said.push(' ');
                    }
                }
                let asked = self.questions.failed();
                let text = format!("{said}in {}", asked.text);
                Some(Seen::of(Event::Error, text, asked.ids))
            }
            backend::Message::ReadyForQuery(_) => {
                let asked = self.questions.ready();
                Some(Seen::of(Event::Ready, asked.text, asked.ids))
            }
            backend::Message::NotificationResponse(body) => {
                let said = format!("{} {}", body.channel().ok()?, body.message().ok()?);
                let found = ids.within(said.as_bytes());
                Some(Seen::of(Event::Notification, said, found))
            }
            _ => None,
        }
    }
}

/// Whether a statement commits a transaction.
pub(in crate::wire::tap) fn is_commit(sql: &str) -> bool {
    starts_with(sql, "COMMIT") || starts_with(sql, "END")
}

fn starts_with(sql: &str, word: &str) -> bool {
    let sql = sql.trim_start();
    let start = sql.get(..word.len());
    let behind = sql.as_bytes().get(word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        && behind.is_none_or(|sign| !sign.is_ascii_alphanumeric() && *sign != b'_')
}

/// A message that is whole: its type, its body, how long it is. A long one passes as it comes, without a body.
fn whole<'b>(bytes: &'b [u8], long: &mut usize) -> Option<(u8, Option<&'b [u8]>, usize)> {
    if *long > 0 {
        let length = (*long).min(bytes.len());
        *long -= length;
        return Some((0, None, length));
    }
    let said: [u8; 4] = bytes.get(1..HEAD)?.try_into().ok()?;
    let length = 1 + (u32::from_be_bytes(said) as usize).max(LENGTH);
    if length > LONGEST {
        *long = length - bytes.len().min(length);
        return Some((0, None, bytes.len().min(length)));
    }
    let body = bytes.get(HEAD..length)?;
    Some((bytes[0], Some(body), length))
}

#[cfg(test)]
mod tests;
