//! A fault from its asking to its heal.

use std::collections::BTreeMap;

/// By what a fault bites that strikes messages as they pass: it is recorded as each of them is struck.
pub const STRUCK: &str = "messages_struck";

/// What became of one fault, as positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultLife {
    /// Its time or condition came.
    pub asked: Option<usize>,
    /// It was in place.
    pub applied: Option<usize>,
    /// It was gone.
    pub healed: Option<usize>,
    /// It never came to be, and why.
    pub failed: Option<String>,
    /// When that was known.
    pub given_up: Option<usize>,
    /// Evidence: position, what was counted, how often.
    pub bites: Vec<(usize, String, u64)>,
}

impl FaultLife {
    /// Whether the fault was in place at this position.
    pub fn covers(&self, position: usize) -> bool {
        self.applied.is_some_and(|applied| applied < position)
            && self.healed.is_none_or(|healed| position < healed)
    }

    /// Whether a bite counts: recorded after the fault was asked for and before it was healed.
    pub fn covers_bite(&self, position: usize) -> bool {
        self.asked
            .or(self.applied)
            .is_some_and(|began| began < position)
            && self.healed.is_none_or(|healed| position < healed)
    }

    /// Whether it did something while it was in place.
    pub fn bit(&self) -> bool {
        self.bitten().next().is_some()
    }

    /// Where it began to do something; none if it never bit. What strikes messages lies in wait from when it is in place until the
    /// first of them passes.
    pub fn struck(&self) -> Option<usize> {
        let (first, what, _) = self.bitten().next()?;
        match what == STRUCK {
            true => Some(*first),
            false => self.applied.or(self.asked),
        }
    }

    /// What it did while it was in place, and how often.
    pub fn counted(&self) -> BTreeMap<&str, u64> {
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, what, count) in self.bitten() {
            *counted.entry(what).or_default() += count;
        }
        counted
    }

    fn bitten(&self) -> impl Iterator<Item = &(usize, String, u64)> {
        let counts = |(at, _, count): &&(usize, String, u64)| *count > 0 && self.covers_bite(*at);
        self.bites.iter().filter(counts)
    }
}
