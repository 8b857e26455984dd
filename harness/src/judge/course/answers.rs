//! What the scenario's clients were answered.

use super::{STEPS, Scale};
use crate::history::History;

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
        if op.is_accepted() {
            step.accepted += 1;
        } else if op.is_unknown() {
            step.unknown += 1;
        } else {
            step.refused += 1;
        }
    }
    steps
}
