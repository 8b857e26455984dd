//! The database's own log, commit by commit: which rows a transaction wrote, and in which order transactions committed.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One transaction, as the database committed it. Entries stand in commit order; one comes into the history shortly after
/// it happened, so that its position says nothing about what happened beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The transaction.
    pub xid: u32,
    /// Microseconds since the Unix epoch, by the database's clock: after the last statement, before anybody sees the rows.
    pub committed_at_us: i64,
    /// What it wrote to the tables that checkers look at, in the order in which it wrote.
    pub changes: Vec<Change>,
    /// How many rows of other tables it wrote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub others: u64,
}

/// One row written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its table, without the schema.
    pub table: String,
    /// What was done to the row.
    pub op: Operation,
    /// The row afterwards, as Postgres prints its columns, `null` for NULL: those that checkers need, and not those that
    /// an update left where they were stored. Of a deleted row its key.
    pub row: Columns,
    /// The key before, where an update changed it.
    #[serde(default, skip_serializing_if = "Columns::is_empty")]
    pub old_key: Columns,
    /// The operations whose ids are anywhere in the row, where they are the lab's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Uuid>,
}

/// Columns by name.
pub type Columns = BTreeMap<String, Option<String>>;

/// What can be done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// It is new.
    Insert,
    /// It was there.
    Update,
    /// It is gone.
    Delete,
    /// The whole table is empty; there is no row.
    Truncate,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Microseconds since the Unix epoch of a time as Postgres prints it with `DateStyle = ISO`; the ends of the range for its
/// infinities.
pub fn instant(text: &str) -> Option<i64> {
    match text {
        "infinity" => Some(i64::MAX),
        "-infinity" => Some(i64::MIN),
        text => DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z")
            .ok()
            .map(|at| at.timestamp_micros()),
    }
}
