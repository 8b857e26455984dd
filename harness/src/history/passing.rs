//! A message that passed a tap.

use uuid::Uuid;

use super::Event;

/// What [`Event::Passed`] says, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Passing<'h> {
    /// Its place in the history.
    pub position: usize,
    /// Such as `relay -> rabbitmq`.
    pub edge: &'h str,
    /// Such as `relay 2`.
    pub by: &'h str,
    /// Of that edge and process.
    pub connection: u64,
    /// As scenarios name it.
    pub what: &'h str,
    /// What it says, shortened.
    pub text: &'h str,
    /// The operations that it names.
    pub ops: &'h [Uuid],
    /// A fault has struck it.
    pub struck: bool,
}

impl<'h> Passing<'h> {
    pub(super) fn of((position, event): (usize, &'h Event)) -> Option<Self> {
        match event {
            Event::Passed {
                edge,
                by,
                connection,
                what,
                text,
                ops,
                struck,
            } => Some(Self {
                position,
                edge,
                by,
                connection: *connection,
                what,
                text,
                ops,
                struck: *struck,
            }),
            _ => None,
        }
    }
}
