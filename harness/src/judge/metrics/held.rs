//! What processes held at the first and at the last look at them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::{Event, Footprint, History};

/// Of one process, whichever of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// At first.
    pub first: Footprint,
    /// In the end.
    pub last: Footprint,
    /// How many looks there were.
    pub looks: usize,
}

/// By the names of the processes.
pub(super) fn of(history: &History) -> BTreeMap<String, Held> {
    let mut all: BTreeMap<String, Held> = BTreeMap::new();
    for event in history.events() {
        let Event::Holds { process, footprint } = event else {
            continue;
        };
        let held = all.entry(process.clone()).or_insert(Held {
            first: *footprint,
            last: *footprint,
            looks: 0,
        });
        held.last = *footprint;
        held.looks += 1;
    }
    all
}
