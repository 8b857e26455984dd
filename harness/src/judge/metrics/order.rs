//! How far first deliveries came out of the order of their keys.

use serde::{Deserialize, Serialize};

use crate::{
    history::History,
    judge::{order::Orders, reorder::reordered},
};

/// Reordering of first deliveries, each within its key, as RFC 4737 defines it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// First deliveries.
    pub received: u64,
    /// Of these, reordered (section 3); divided by `received` it is the reordered ratio (section 4.1).
    pub reordered: u64,
    /// The greatest reordering extent, in arrivals (section 4.2).
    pub extent: u64,
    /// The greatest n for which one of them is n-reordered: the n arrivals just before it all have later places (section 5). Who holds
    /// that many back can put them in order again.
    pub n_reordering: u64,
}

impl Order {
    pub(super) fn of(history: &History) -> Option<Self> {
        let orders = Orders::of(history);
        let Orders(orders) = orders.as_ref().as_ref().ok()?;
        let mut all = Self::default();
        for order in orders.values() {
            let places: Vec<i64> = order.iter().map(|(n, _)| *n).collect();
            all.received += places.len() as u64;
            for late in reordered(&places) {
                all.reordered += 1;
                all.extent = all.extent.max(late.extent as u64);
                let later = places[..late.index].iter().rev();
                let in_a_row = later.take_while(|before| **before > late.n).count();
                all.n_reordering = all.n_reordering.max(in_a_row as u64);
            }
        }
        (all.received > 0).then_some(all)
    }

    /// Reordered of received.
    pub fn ratio(&self) -> f64 {
        self.reordered as f64 / self.received as f64
    }
}
