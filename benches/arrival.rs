//! One bid at the end of its way.

use std::time::Duration;

/// One bid's first delivery, in microseconds of the system's clock.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub due: u64,
    pub at: u64,
}

impl Arrival {
    /// From when it should have been sent until it was delivered.
    pub fn latency(self) -> Duration {
        Duration::from_micros(self.at.saturating_sub(self.due))
    }
}
