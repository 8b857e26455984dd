//! What every outbox is about, whatever it is called there: an item, seen as it is stored, waits, is sent and takes effect.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which of the run's keys: order is promised within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub u32);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.0)
    }
}

/// What was asked for, wherever it is seen again: as stored, in the outbox, in a message, as an effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The operation that asked for it.
    pub id: Uuid,
    /// What it belongs to.
    pub key: Key,
    /// Its place within its key, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub content: Content,
}

/// Named values that only the target's own checkers understand; equal or not, to everybody else. Empty for most targets.
pub type Content = BTreeMap<String, serde_json::Value>;

/// What a row of the outbox says of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has taken it up.
    Waiting,
    /// It is in somebody's hands.
    Held,
    /// It was sent.
    Sent,
    /// It is not tried again.
    GivenUp,
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The row's own id as text; empty where the table has no key.
    pub row: String,
    /// What it says of its event.
    pub state: State,
    /// How often it was tried, where the row counts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i32>,
    /// What it is about, or why that is not known.
    pub item: Result<Item, String>,
}

/// How often an operation took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRow {
    /// What took effect.
    pub item: Item,
    /// How often.
    pub times: u64,
}
