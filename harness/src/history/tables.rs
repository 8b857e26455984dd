//! The tables at one instant.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Item, Key};

/// The tables at one instant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Taken after recovery (or after its budget ran out), when nothing is in flight.
    pub last: bool,
    /// What the target keeps of operations.
    pub stored: Vec<Item>,
    /// Events that wait, or have waited.
    pub outbox: Vec<OutboxRow>,
    /// What messages have done.
    pub effects: Vec<EffectRow>,
    /// Rows that only the target's own checkers understand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<serde_json::Value>,
    /// Rows that look like an operation's and are none of this run's, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<String>,
    /// Messages in the dead-letter queue; only counted in the last snapshot.
    pub dead_letters: u64,
    /// How often the broker delivered to the target's consumer again what it had delivered before; only counted in the
    /// last snapshot.
    #[serde(default)]
    pub redelivered_to_consumer: u64,
}

/// What became of an event, by the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has it in his hands.
    Waiting,
    /// A relay has it in its hands.
    Held,
    /// Marked as sent.
    Sent,
    /// It will not be tried again by itself.
    GivenUp,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Sent => "sent",
            Self::GivenUp => "given up",
        })
    }
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The row's own id, where it has one.
    pub row: String,
    /// What became of it.
    pub state: State,
    /// How often it was tried, where that is known.
    #[serde(default)]
    pub attempts: Option<u32>,
    /// What it belongs to, by the row itself.
    pub key: Key,
    /// Its place within its key, by the row itself.
    pub n: i64,
    /// The event, or why it cannot be told.
    pub item: Result<Item, String>,
}

impl OutboxRow {
    /// The operation that it announces, where that can be told.
    pub fn announces(&self) -> Option<Uuid> {
        self.item.as_ref().ok().map(|item| item.id)
    }
}

/// What a message has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRow {
    /// What it was about.
    pub item: Item,
    /// How often it took effect: not at all, as long as it only waits there.
    pub times: u64,
}
