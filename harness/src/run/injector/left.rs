//! What is there of an operator's meddling while it lasts: by it, it is felt and undone.

use sqlx::PgConnection;

use super::passing::Armed;
use crate::servers::management::{Binding, Definition};

/// What is there of a meddling.
#[derive(Default)]
pub(super) enum Left {
    /// Nothing that is looked at again.
    #[default]
    Nothing,
    /// What was taken away from the vhost.
    Taken(Taken),
    /// What counts the statements that fail by it.
    Refusals(Armed),
    /// Sessions that are there to have every connection.
    Crowd(Vec<PgConnection>),
    /// A session that holds a snapshot or a transaction, and its process.
    Holding(PgConnection, i32),
}

/// What was taken away: how it was declared, and how it was bound.
#[derive(Default)]
pub(super) struct Taken {
    pub defined: Vec<Definition>,
    pub bindings: Vec<Binding>,
}
