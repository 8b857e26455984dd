//! Pauses between tries: doubling up to a limit, with jitter, so that many processes do not return at once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A growing pause.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    limit: Duration,
    current: Duration,
}

impl Backoff {
    /// Starts at `first`, never exceeds `limit`.
    pub fn new(first: Duration, limit: Duration) -> Self {
        Self {
            first,
            limit,
            current: first,
        }
    }

    /// The next pause: half of it certain, half of it chance.
    pub fn next(&mut self) -> Duration {
        let pause = self.current.mul_f64(rand::random_range(0.5..=1.0));
        self.current = (self.current * 2).min(self.limit);
        pause
    }

    /// Pauses, unless `stop` comes first.
    pub async fn pause(&mut self, stop: &CancellationToken) {
        tokio::select! {
            () = tokio::time::sleep(self.next()) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Something worked: start over.
    pub fn reset(&mut self) {
        self.current = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_over_after_a_success() {
        let (first, limit) = (Duration::from_millis(10), Duration::from_millis(35));
        let mut backoff = Backoff::new(first, limit);
        for longest in [10, 20, 35, 35] {
            let longest = Duration::from_millis(longest);
            let pause = backoff.next();
            assert!(
                pause <= longest && pause >= longest / 2,
                "{pause:?} of {longest:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= first);
    }
}
