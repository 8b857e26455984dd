//! The tables as they were at the end, by key.

use std::collections::HashMap;

use uuid::Uuid;

use super::{EffectRow, Item, Key, OutboxRow, Snapshot, State};

/// Row numbers by key; of rows with the same key the first counts.
#[derive(Debug, Clone, Default)]
pub(super) struct LastIndex {
    stored: HashMap<Uuid, usize>,
    events: HashMap<Uuid, usize>,
    effects: HashMap<Uuid, usize>,
    /// The smallest place of an event that was given up.
    given_up: HashMap<Key, i64>,
}

impl LastIndex {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut index = Self::default();
        for (row, item) in snapshot.stored.iter().enumerate() {
            index.stored.entry(item.id).or_insert(row);
        }
        for (row, event) in snapshot.outbox.iter().enumerate() {
            if let Some(id) = event.announces() {
                index.events.entry(id).or_insert(row);
            }
            if event.state == State::GivenUp {
                let first = index.given_up.entry(event.key).or_insert(event.n);
                *first = (*first).min(event.n);
            }
        }
        for (row, effect) in snapshot.effects.iter().enumerate() {
            index.effects.entry(effect.item.id).or_insert(row);
        }
        index
    }
}

/// The last snapshot and its rows by key.
#[derive(Debug, Clone, Copy)]
pub struct Last<'h> {
    /// The tables.
    pub tables: &'h Snapshot,
    index: &'h LastIndex,
}

impl<'h> Last<'h> {
    pub(super) fn new(tables: &'h Snapshot, index: &'h LastIndex) -> Self {
        Self { tables, index }
    }

    /// What is stored of an operation.
    pub fn stored(&self, id: Uuid) -> Option<&'h Item> {
        let row = self.index.stored.get(&id)?;
        Some(&self.tables.stored[*row])
    }

    /// The outbox row that announces this operation.
    pub fn event_of(&self, id: Uuid) -> Option<&'h OutboxRow> {
        let row = self.index.events.get(&id)?;
        Some(&self.tables.outbox[*row])
    }

    /// What the consumer keeps of an operation.
    pub fn effect(&self, id: Uuid) -> Option<&'h EffectRow> {
        let row = self.index.effects.get(&id)?;
        Some(&self.tables.effects[*row])
    }

    /// Whether an event of the key at this place or before it was given up, so that order keeps this one back.
    pub fn is_held_back(&self, key: Key, n: i64) -> bool {
        self.index
            .given_up
            .get(&key)
            .is_some_and(|first| *first <= n)
    }
}
