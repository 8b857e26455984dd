//! The ledger in neutral words: what each commit did to operations, their events and their effects.

use std::collections::HashSet;

use uuid::Uuid;

use crate::history::{Item, State};

/// A commit.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its transaction.
    pub xid: u32,
    /// What it did, in its order.
    pub steps: Vec<Step>,
}

/// What one row's change means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// An operation was stored.
    Stored(Item),
    /// A stored operation is another one, or gone.
    Unstored(Item, Option<Item>),
    /// An event was written.
    Announced(Announced),
    /// An event was deleted, which was in this state.
    Forgotten(Announced, State),
    /// A whole table was emptied.
    Emptied(String),
}

/// An event as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Announced {
    /// The row's own id.
    pub row: String,
    /// The operation that it announces, by its place where the event itself cannot be told.
    pub of: Option<Uuid>,
    /// The event, or why it cannot be told.
    pub item: Result<Item, String>,
}

/// The operations whose events were deleted.
pub(crate) fn forgotten(told: &[Told]) -> HashSet<Uuid> {
    let steps = told.iter().flat_map(|told| &told.steps);
    let gone = steps.filter_map(|step| match step {
        Step::Forgotten(event, State::Sent) => event.of,
        _ => None,
    });
    gone.collect()
}
