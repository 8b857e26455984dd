//! What the scenario's clients were answered.

use super::{STEPS, Scale};
use crate::history::{History, Outcome};

/// Of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answers {
    /// Definite yeses.
    pub accepted: u64,
    /// Definite noes.
    pub refused: u64,
    /// Whatever tells a client nothing; a request that nobody answered counts where it was sent.
    pub unknown: u64,
}

pub(super) fn of(history: &History, scale: Scale) -> Vec<Answers> {
    let mut steps = vec![Answers::default(); STEPS];
    for op in history.ops().values().filter(|op| op.is_workload()) {
        let at = op.completed.as_ref().map_or(op.invoked, |(at, _)| *at);
        let step = &mut steps[scale.step(history.entries()[at].at_us)];
        match op.outcome() {
            Some(Outcome::Accepted { .. }) => step.accepted += 1,
            Some(Outcome::Refused { .. }) => step.refused += 1,
            None | Some(Outcome::Unknown { .. } | Outcome::Nonsense { .. }) => step.unknown += 1,
        }
    }
    steps
}
