//! The faults of a run, and when each was in place.

use std::collections::BTreeMap;

use crate::history::{FaultLife, History};

/// A fault over the run's time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Band {
    /// What it hits: an edge, a process, a server.
    pub on: String,
    /// What is done to it.
    pub action: String,
    /// When its time or its condition came, in microseconds since the run began.
    pub asked_us: Option<u64>,
    /// From when on it was in place.
    pub applied_us: Option<u64>,
    /// When it was gone again.
    pub healed_us: Option<u64>,
    /// Why it never came to be.
    pub failed: Option<String>,
    /// What it did, and how often.
    pub bites: BTreeMap<String, u64>,
}

pub(super) fn of(history: &History) -> Vec<Band> {
    let faults = history
        .scenario()
        .map_or(&[][..], |scenario| &scenario.faults);
    let bands = faults.iter().enumerate().map(|(index, fault)| {
        let drawn = Band {
            on: fault.on().to_owned(),
            action: fault.action.clone(),
            ..Band::default()
        };
        match history.faults().get(&index) {
            Some(life) => lived(history, life, drawn),
            None => drawn,
        }
    });
    bands.collect()
}

fn lived(history: &History, life: &FaultLife, drawn: Band) -> Band {
    let at_us = |position: usize| history.entries()[position].at_us;
    let bites = life.counted().into_iter();
    Band {
        asked_us: life.asked.map(at_us),
        applied_us: life.applied.map(at_us),
        healed_us: life.healed.map(at_us),
        failed: life.failed.clone(),
        bites: bites
            .map(|(what, count)| (what.to_owned(), count))
            .collect(),
        ..drawn
    }
}
