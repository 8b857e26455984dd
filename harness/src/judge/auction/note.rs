//! What a history notes of auctions, beside operations: their terms, and what their readers were shown.

use serde::{Deserialize, Serialize};

use super::shown::Shown;
use crate::history::{Event, History, Item, Key};
use crate::judge::basis::Unjudgeable;

/// A note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "auction", rename_all = "snake_case")]
pub enum Note {
    /// An auction was created, around all faults, and those that close during the run when the workload begins.
    Created {
        /// The auction.
        key: Key,
        /// The least a first bid may be, in minor units.
        starting_price: i64,
        /// Created with its close already past: every bid on it must be refused.
        closed: bool,
        /// When it closes, in microseconds since the Unix epoch by the database's clock, where it does so during the run.
        closes_at_us: Option<i64>,
    },
    /// A follower of a live feed connects.
    Followed {
        /// Its number.
        follower: u64,
        /// What it follows.
        key: Key,
        /// The process that it asks.
        via: String,
        /// The id after which it takes the feed up again; none at its first connection.
        after: Option<i64>,
    },
    /// A follower was shown something.
    Shown {
        /// Its number.
        follower: u64,
        /// What.
        shown: Shown,
    },
    /// A follower's connection was lost, or was none: it did not leave by itself.
    FeedLost {
        /// Its number.
        follower: u64,
        /// How it ended.
        why: String,
    },
    /// An auction's bid list, paged to its end when all was quiet.
    Listed {
        /// The auction.
        key: Key,
        /// The process that was asked.
        via: String,
        /// What it has, or why it could not be read.
        bids: Result<Vec<Item>, String>,
    },
}

impl From<Note> for Event {
    fn from(note: Note) -> Self {
        let note = serde_json::to_value(note).expect("names and numbers are JSON");
        Self::Noted { note }
    }
}

impl Note {
    /// The note that an event is; none if it is none, or another target's.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Noted { note } => Self::deserialize(note).ok(),
            _ => None,
        }
    }

    /// All of them, with their positions.
    pub(in crate::judge) fn all(history: &History) -> Result<Vec<(usize, Self)>, Unjudgeable> {
        let read = |(position, note)| match Self::deserialize(note) {
            Ok(read) => Ok((position, read)),
            Err(error) => Err(Unjudgeable::Note(format!("{note}: {error}"))),
        };
        history.notes().map(read).collect()
    }
}
