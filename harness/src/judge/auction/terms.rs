//! What auctions were created with.

use std::collections::BTreeMap;

use super::note::Note;
use crate::history::{History, Key};
use crate::judge::basis::Unjudgeable;

/// What an auction was created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) struct Terms {
    /// Minor units.
    pub starting_price: i64,
    /// Every bid on it must be refused.
    pub closed: bool,
    /// When it closes, by the database's clock in microseconds since the Unix epoch, where it does so during the run.
    pub closes_at_us: Option<i64>,
    /// Position of its creation.
    created: usize,
}

/// Every auction of a run.
pub(in crate::judge) struct Auctions<'h> {
    history: &'h History,
    terms: BTreeMap<Key, Terms>,
}

impl<'h> Auctions<'h> {
    pub fn of(history: &'h History) -> Result<Self, Unjudgeable> {
        let mut terms = BTreeMap::new();
        for (created, note) in Note::all(history)? {
            if let Note::Created {
                key,
                starting_price,
                closed,
                closes_at_us,
            } = note
            {
                let of_it = Terms {
                    starting_price,
                    closed,
                    closes_at_us,
                    created,
                };
                terms.insert(key, of_it);
            }
        }
        Ok(Self { history, terms })
    }

    pub fn get(&self, key: Key) -> Option<&Terms> {
        self.terms.get(&key)
    }

    /// When an auction that closes during the run does so, on the clock of [`crate::history::Entry::at_us`]: a moment too
    /// late, by as much as creating it took.
    pub fn closes_at(&self, key: Key) -> Option<u64> {
        let terms = self.terms.get(&key)?;
        terms.closes_at_us?;
        let after = self.history.scenario()?.own.closing().ok()?.after;
        let created = self.history.entries().get(terms.created)?.at_us;
        Some(created + u64::try_from(after.as_micros()).ok()?)
    }
}
