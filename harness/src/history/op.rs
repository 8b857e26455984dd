//! A request, and what became of it.

use super::{Asked, Outcome, Purpose};

/// One request of a client, from its sending to its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// Position of its invocation.
    pub invoked: usize,
    /// What was asked.
    pub asked: Asked,
    /// The process that was asked.
    pub via: String,
    /// Why.
    pub purpose: Purpose,
    /// Position and content of its answer; without one it is unknown.
    pub completed: Option<(usize, Outcome)>,
}

impl Op {
    /// The answer, where there was one.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.completed.as_ref().map(|(_, outcome)| outcome)
    }

    /// Whether the client was told that it is stored.
    pub fn is_accepted(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::Accepted { .. }))
    }

    /// Whether it may or may not have happened.
    pub fn is_unknown(&self) -> bool {
        matches!(
            self.outcome(),
            None | Some(Outcome::Unknown { .. } | Outcome::Nonsense { .. })
        )
    }

    /// Whether the scenario's clients sent it; the lab's own canaries say nothing of the load.
    pub fn is_workload(&self) -> bool {
        !matches!(self.purpose, Purpose::Canary | Purpose::WarmUp)
    }
}
