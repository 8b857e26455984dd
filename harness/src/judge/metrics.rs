//! What a run shows in numbers, beside its verdict: how far order went, and how long what broke was felt.

mod held;
mod order;
mod recovery;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::History;

pub use held::Held;
pub use order::Order;
pub use recovery::{Recovery, Took};

/// Numbers of one run. What could not be measured is absent, which is not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// Of first deliveries; absent where nobody can tell their places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Around the run's faults; absent where none did anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// What processes held at rest, by their names, in a run that goes on for long.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<String, Held>,
}

impl Metrics {
    /// Measures a history.
    pub fn of(history: &History) -> Self {
        Self {
            order: Order::of(history),
            recovery: Recovery::of(history),
            held: held::of(history),
        }
    }
}

#[cfg(test)]
mod tests;
