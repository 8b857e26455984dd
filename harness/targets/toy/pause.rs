//! How long to wait before the next try.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Twice as long after each failure.
pub struct Pause(Duration);

impl Pause {
    pub fn new() -> Self {
        Self(SHORTEST)
    }

    /// Something went well.
    pub fn reset(&mut self) {
        self.0 = SHORTEST;
    }

    /// Waits, or until `stop`.
    pub async fn wait(&mut self, stop: &CancellationToken) {
        idle(self.0, stop).await;
        self.0 = (self.0 * 2).min(LONGEST);
    }
}

/// Waits, or until `stop`.
pub async fn idle(how_long: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(how_long) => {}
    }
}
