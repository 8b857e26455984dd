//! A fault from its asking to its heal.

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
}
