//! Which operations have a place in their key, where the lab writes one after the other.
//!
//! An operation's number is its place if it was known to be stored before the next one of its key was asked for. One whose
//! answer was lost may be done after the next ones: nobody may be blamed for where its message comes.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::history::{Event, History, Key};

/// The operations that have a place.
pub(super) struct Placed(BTreeSet<Uuid>);

/// Those of a history.
pub(super) fn of(history: &History) -> Placed {
    let mut placed = BTreeSet::new();
    // Of each key, the operation that was asked for last.
    let mut last: HashMap<Key, Uuid> = HashMap::new();
    for op in history.ops_in_order() {
        let key = op.asked.key;
        let id = op.asked.id;
        let before = last.insert(key, id);
        placed.extend(before.filter(|before| known_before(history, *before, op.invoked)));
    }
    // After the last one nothing was asked for.
    placed.extend(last.into_values());
    Placed(placed)
}

fn known_before(history: &History, id: Uuid, next: usize) -> bool {
    history.ops_of(id).any(|(_, op)| {
        let known = op.completed.as_ref().map(|(position, _)| *position);
        op.is_accepted() && known.is_some_and(|known| known < next)
    })
}

impl Placed {
    /// Whether the message at this position is about one of them.
    pub fn is(&self, history: &History, position: usize) -> bool {
        match &history.entries()[position].event {
            Event::Delivered(delivery) => delivery
                .item
                .as_ref()
                .is_ok_and(|item| self.0.contains(&item.id)),
            _ => false,
        }
    }
}
