//! What a probe has seen, before anything is made of it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{rows::Rows, schema::Schema};
use crate::{
    ask::id::{Id, Run},
    run::heard::message::Message,
};

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Who told of it.
    pub by: By,
    /// When, in microseconds since the Unix epoch, by the lab's clock.
    pub at_us: i64,
    /// The operations that it is about.
    pub ids: Vec<Id>,
    /// It.
    pub message: Message,
}

/// Who told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The witness of the file heard it.
    Witness,
    /// The broker told of it, wherever it went.
    Firehose,
}

/// What a probe has seen.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Whose ids are looked for.
    pub run: Run,
    /// Operations that were accepted, in order.
    pub accepted: Vec<Id>,
    /// When each was asked for, and when it was answered, in microseconds since the Unix epoch.
    pub asked_at_us: BTreeMap<Uuid, i64>,
    /// Operations that were rolled back.
    pub rolled_back: Vec<Id>,
    /// What was published.
    pub came: Vec<Came>,
    /// The tables.
    pub schema: Schema,
    /// Their rows; none where the log could not be read, and why.
    pub rows: Result<Rows, String>,
    /// Whether the database's clock is the lab's.
    pub one_clock: bool,
}

impl Facts {
    /// The messages to learn from: what the witness heard, or where it heard of no operation what the broker told.
    pub fn messages(&self) -> Vec<&Came> {
        let by = |by: By| {
            self.came
                .iter()
                .filter(move |came| came.by == by && !came.ids.is_empty())
        };
        match by(By::Witness).next() {
            Some(_) => by(By::Witness).collect(),
            None => by(By::Firehose).collect(),
        }
    }

    /// Operations that a message came about.
    pub fn heard(&self) -> BTreeSet<Uuid> {
        let ids = self.messages().into_iter().flat_map(|came| &came.ids);
        ids.map(|id| id.uuid()).collect()
    }

    /// When the first message about an operation came.
    pub fn heard_at_us(&self, id: Uuid) -> Option<i64> {
        let about = self
            .messages()
            .into_iter()
            .filter(|came| came.ids.iter().any(|own| own.uuid() == id));
        about.map(|came| came.at_us).min()
    }
}
