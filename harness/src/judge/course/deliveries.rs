//! What the witness received.

use std::collections::HashSet;

use super::{STEPS, Scale};
use crate::history::History;

/// Of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Of operations that were not heard of before.
    pub first: u64,
    /// Copies, and messages that name no operation.
    pub again: u64,
}

pub(super) fn of(history: &History, scale: Scale) -> Vec<Deliveries> {
    let mut steps = vec![Deliveries::default(); STEPS];
    let mut known = HashSet::new();
    for (position, delivery) in history.deliveries() {
        let step = &mut steps[scale.step(history.entries()[position].at_us)];
        match &delivery.item {
            Ok(item) if known.insert(item.id) => step.first += 1,
            _ => step.again += 1,
        }
    }
    steps
}
