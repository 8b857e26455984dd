//! Which of the tables that received an operation's id is which: what is stored, where events wait, where they are kept, where
//! effects are seen.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::{
    cursor::{Cursor, cursor},
    facts::Facts,
    places::spots,
    rows::{Row, Rows},
    states::{States, states},
};
use crate::run::heard::message::Message;

/// A table that received ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// As the log calls it.
    pub table: String,
    /// In which columns.
    pub columns: BTreeSet<String>,
    /// How many of the operations that were accepted.
    pub operations: usize,
    /// In how many of them the row was written by the operation's first transaction.
    pub at_once: usize,
    /// In how many of them it was written after the operation's message had come.
    pub after: usize,
}

impl Received {
    /// Whether most of its rows came after their messages.
    pub fn is_late(&self) -> bool {
        self.after * 2 > self.operations
    }
}

/// What is what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles {
    /// All tables that received ids, in the order in which they first did.
    pub received: Vec<Received>,
    /// Where it is stored that an operation was done.
    pub business: Option<String>,
    /// Where events wait.
    pub outbox: Option<Waiting>,
    /// Where effects are seen.
    pub effects: Vec<String>,
}

/// Where events wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// As the log calls it.
    pub table: String,
    /// Where rows are moved to when they were sent.
    pub archive: Option<String>,
    /// What its rows show.
    pub states: States,
    /// What says elsewhere how far it was read.
    pub cursor: Option<Cursor>,
    /// By what it is known.
    pub because: Vec<&'static str>,
}

impl Roles {
    /// What is what, by all that was seen.
    pub fn of(facts: &Facts, rows: &Rows) -> Self {
        let received = received(facts, rows);
        let early: Vec<&Received> = received.iter().filter(|found| !found.is_late()).collect();
        let mut waiting: Vec<(u32, Waiting)> = early
            .iter()
            .map(|found| waiting(found, facts, rows))
            .filter(|(score, _)| *score > 0)
            .collect();
        // Of equals the one that was written later.
        waiting.reverse();
        waiting.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let outbox = waiting.into_iter().next().map(|(_, waiting)| waiting);
        let is_taken = |table: &String| {
            outbox.as_ref().is_some_and(|outbox| {
                outbox.table == *table || outbox.archive.as_ref() == Some(table)
            })
        };
        let stored = early.iter().filter(|found| !is_taken(&found.table));
        let business = stored.max_by_key(|found| {
            let is_key = facts
                .schema
                .key(&found.table)
                .iter()
                .any(|key| found.columns.contains(*key));
            let stays = rows
                .of_table(&found.table)
                .all(|row| row.versions.len() == 1 && row.gone.is_none());
            (found.operations, is_key, stays, found.at_once)
        });
        let effects = received
            .iter()
            .filter(|found| found.is_late() && !is_taken(&found.table))
            .map(|found| found.table.clone());
        Self {
            business: business.map(|found| found.table.clone()),
            effects: effects.collect(),
            outbox,
            received,
        }
    }
}

fn received(facts: &Facts, rows: &Rows) -> Vec<Received> {
    let tables = rows.tables().into_iter().map(|table| {
        let mut found = Received {
            table: table.to_owned(),
            columns: BTreeSet::new(),
            operations: 0,
            at_once: 0,
            after: 0,
        };
        for id in facts.accepted.iter().map(|id| id.uuid()) {
            let own: Vec<&Row> = rows
                .of_table(table)
                .filter(|row| row.ids.contains(&id))
                .collect();
            let Some(born) = own.first().map(|row| row.born) else {
                continue;
            };
            let of_id = rows.all.iter().filter(|row| row.ids.contains(&id));
            let first = of_id.map(|row| row.born.xid).next();
            found.operations += 1;
            found.at_once += usize::from(first == Some(born.xid));
            let heard = facts
                .heard_at_us(id)
                .filter(|_| facts.one_clock && first != Some(born.xid));
            found.after += usize::from(heard.is_some_and(|heard| born.at_us > heard));
            found
                .columns
                .extend(own.iter().flat_map(|row| row.columns.iter().cloned()));
        }
        found
    });
    tables.filter(|found| found.operations > 0).collect()
}

/// How much a table looks like an outbox, and what it shows as one.
fn waiting(found: &Received, facts: &Facts, rows: &Rows) -> (u32, Waiting) {
    let heard_ids = facts.heard();
    let accepted: BTreeSet<Uuid> = facts.accepted.iter().map(|id| id.uuid()).collect();
    let own = |row: &&Row| row.ids.iter().any(|id| accepted.contains(id));
    let (heard, unheard): (Vec<&Row>, Vec<&Row>) = rows
        .of_table(&found.table)
        .filter(own)
        .partition(|row| row.ids.iter().any(|id| heard_ids.contains(id)));
    let nameless = rows
        .nameless_deletes
        .get(&found.table)
        .copied()
        .unwrap_or_default();
    let states = states(&found.table, &heard, &unheard, nameless, &facts.schema);
    let archive = archive(&heard, rows);
    let cursor = match states.sent {
        None if !heard.is_empty() => cursor(&found.table, &heard, &unheard, rows, &facts.schema),
        _ => None,
    };
    let mut because = Vec::new();
    let mut score = 0;
    let mut note = |is_so: bool, weight: u32, why: &'static str| {
        if is_so {
            score += weight;
            because.push(why);
        }
    };
    note(
        archive.is_some(),
        4,
        "its rows are moved when they were sent",
    );
    note(
        archive.is_none() && states.sent.is_some(),
        3,
        "its rows change when they were sent",
    );
    let in_messages = says_what_messages_say(&heard, facts);
    note(in_messages, 3, "what messages say stands in its rows");
    note(cursor.is_some(), 2, "a cursor passes its rows");
    let name = found.table.to_lowercase();
    let called = ["outbox", "event", "message", "publish", "queue"];
    note(
        called.iter().any(|part| name.contains(part)),
        1,
        "its name says so",
    );
    let waiting = Waiting {
        table: found.table.clone(),
        archive,
        states,
        cursor,
        because,
    };
    (score, waiting)
}

/// The table into which what is deleted is written by the same transaction.
fn archive(heard: &[&Row], rows: &Rows) -> Option<String> {
    let moved_to = |row: &&Row| {
        let gone = row.gone.filter(|gone| gone.xid != row.born.xid)?;
        let into = rows.all.iter().find(|other| {
            other.table != row.table
                && other.born.xid == gone.xid
                && other.is_about(row.ids.iter().copied())
        })?;
        Some(into.table.clone())
    };
    let mut all = heard.iter().map(moved_to);
    let first = all.next()??;
    all.all(|table| table.as_ref() == Some(&first))
        .then_some(first)
}

/// Whether rows hold what their messages say beside the id: the body, or what tells one event from another.
fn says_what_messages_say(heard: &[&Row], facts: &Facts) -> bool {
    let messages = facts.messages();
    let of_row = |row: &&Row| {
        let mut own = messages
            .iter()
            .filter(|came| row.is_about(came.ids.iter().map(|id| id.uuid())));
        own.any(|came| {
            row.first()
                .values()
                .flatten()
                .any(|value| says(value, &came.message, facts))
        })
    };
    !heard.is_empty() && heard.iter().all(of_row)
}

/// Longer than an id in any of its forms, or not about it.
const TELLING: usize = 8;

fn says(value: &str, message: &Message, facts: &Facts) -> bool {
    let bytes = unhexed(value);
    if bytes.len() < TELLING {
        return false;
    }
    let is_id_alone = |bytes: &[u8]| {
        let about = crate::run::about::About::of([bytes], facts.run);
        !about.ids.is_empty() && bytes.len() <= 40
    };
    if bytes == message.body && !is_id_alone(&bytes) {
        return true;
    }
    let parsed = |bytes: &[u8]| -> Option<Value> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        (value.is_object() || value.is_array()).then_some(value)
    };
    if let (Some(one), Some(other)) = (parsed(&bytes), parsed(&message.body))
        && one == other
    {
        return true;
    }
    let spots = spots(message).into_iter();
    let mut spots =
        spots.filter(|spot| !spot.address.starts_with("body:") && spot.address != "routing_key");
    !is_id_alone(&bytes) && spots.any(|spot| spot.bytes.eq_ignore_ascii_case(&bytes))
}

/// The bytes of a `bytea` as the log prints them, or the text itself.
fn unhexed(value: &str) -> Vec<u8> {
    let digits = value.strip_prefix("\\x").filter(|digits| digits.is_ascii());
    let decoded = digits.and_then(|digits| {
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        pairs.map(byte).collect::<Option<Vec<u8>>>()
    });
    decoded.unwrap_or_else(|| value.as_bytes().to_vec())
}

#[cfg(test)]
mod tests;
