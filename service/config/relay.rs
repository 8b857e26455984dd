//! The relay's settings.

use std::time::Duration;

use clap::{Args, ValueEnum, value_parser};

use crate::relay::RelaySettings;

/// What happens to an auction's later events when one of its events has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnFailed {
    /// They wait until it is requeued: order before progress.
    Hold,
    /// They go out without it. A consumer that needs every bid, as this service's does, keeps them aside until it is
    /// requeued, for ever if it never is: skip is for consumers that can do without one.
    Skip,
}

/// The relay's settings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Relay")]
pub(crate) struct RelayArgs {
    /// Events claimed and published together, 1 to 10000. Two windows are on their way at once, and a crash may repeat them.
    #[arg(long, env = "OUTBOX_WINDOW", default_value_t = 500, value_parser = value_parser!(u32).range(1..=10_000))]
    window: u32,
    /// How long a relay without a sign of life keeps its lanes, in milliseconds, 400 to 3600000: longer than any pause that
    /// is not a death.
    #[arg(long, env = "OUTBOX_LEASE_MS", default_value_t = 10_000, value_parser = value_parser!(u64).range(400..=3_600_000))]
    lease_ms: u64,
    /// How long the broker may be silent while confirms are due, in milliseconds, 10 to 1800000: at most half the lease.
    #[arg(long, env = "OUTBOX_CONFIRM_TIMEOUT_MS", default_value_t = 4_000, value_parser = value_parser!(u64).range(10..=1_800_000))]
    confirm_timeout_ms: u64,
    /// An event is given up, as failed, when so many relays, 2 to 1000000, have ended while they had it in their hands and
    /// before they could send it. What the broker does to it never counts.
    #[arg(long, env = "OUTBOX_MAX_ATTEMPTS", default_value_t = 10, value_parser = value_parser!(i32).range(2..=1_000_000))]
    max_attempts: i32,
    /// Pause when the broker would not take an event (returned or nacked), in milliseconds, 1 to 3600000; doubles each
    /// time. One event is tried before the others follow.
    #[arg(long, env = "OUTBOX_RETRY_BASE_MS", default_value_t = 200, value_parser = value_parser!(u64).range(1..=3_600_000))]
    retry_base_ms: u64,
    /// Longest such pause, in milliseconds, 1 to 86400000.
    #[arg(long, env = "OUTBOX_RETRY_MAX_MS", default_value_t = 5_000, value_parser = value_parser!(u64).range(1..=86_400_000))]
    retry_max_ms: u64,
    /// Whether an auction waits for its failed event.
    #[arg(long, env = "OUTBOX_ON_FAILED", value_enum, default_value = "hold")]
    on_failed: OnFailed,
    /// How long published events are kept, in seconds, 1 to 3155760000.
    #[arg(long, env = "OUTBOX_RETENTION_S", default_value_t = 7 * 24 * 3600, value_parser = value_parser!(u64).range(1..=3_155_760_000))]
    retention_s: u64,
}

impl RelayArgs {
    /// A broker that is silent for as long as confirms are waited for must not outlast the lease.
    pub(super) fn contradiction(&self) -> Option<String> {
        let (confirm, lease) = (self.confirm_timeout_ms, self.lease_ms);
        (confirm * 2 > lease).then(|| {
            format!(
                "--confirm-timeout-ms {confirm} is more than half of --lease-ms {lease}: a silent broker would outlast \
                 the lease"
            )
        })
    }

    pub(crate) fn relay(&self, poll: Duration) -> RelaySettings {
        RelaySettings {
            window: self.window,
            lease: Duration::from_millis(self.lease_ms),
            poll,
            confirm_within: Duration::from_millis(self.confirm_timeout_ms),
            refused_pause: (
                Duration::from_millis(self.retry_base_ms),
                Duration::from_millis(self.retry_max_ms.max(self.retry_base_ms)),
            ),
            max_attempts: self.max_attempts,
            hold_failed: self.on_failed == OnFailed::Hold,
            retention: Duration::from_secs(self.retention_s),
        }
    }
}
