//! What the witness received.

use std::collections::HashSet;

use uuid::Uuid;

use super::{STEPS, Scale};
use crate::history::{Delivery, History};

/// Of one step, as the facts count them. What the broker delivers again to the witness alone is neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// What was not heard before.
    pub first: u64,
    /// Copies that were published again.
    pub again: u64,
}

pub(super) fn of(history: &History, scale: Scale, own: &HashSet<Uuid>) -> Vec<Deliveries> {
    let mut steps = vec![Deliveries::default(); STEPS];
    let mut known = HashSet::new();
    let is_own = |delivery: &Delivery| {
        let item = delivery.item.as_ref();
        item.is_ok_and(|item| own.contains(&item.id))
    };
    for (position, delivery) in history.deliveries() {
        if is_own(delivery) {
            continue;
        }
        let step = &mut steps[scale.step(history.entries()[position].at_us)];
        let copy = delivery.name().is_some_and(|name| !known.insert(name));
        match (copy, delivery.redelivered) {
            (false, _) => step.first += 1,
            (true, false) => step.again += 1,
            (true, true) => {}
        }
    }
    steps
}
