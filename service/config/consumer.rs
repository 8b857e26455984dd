//! The consumer's settings.

use std::time::Duration;

use clap::{Args, value_parser};

use crate::consumer::ConsumerSettings;

/// The consumer's settings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Consumer")]
pub(crate) struct ConsumerArgs {
    /// Deliveries the broker may have outstanding with the consumer, 1 to 65535.
    #[arg(long, env = "OUTBOX_PREFETCH", default_value_t = 1_000, value_parser = value_parser!(u16).range(1..))]
    prefetch: u16,
    /// Deliveries applied in one transaction, at most, 1 to 10000.
    #[arg(long, env = "OUTBOX_APPLY_BATCH", default_value_t = 500, value_parser = value_parser!(u32).range(1..=10_000))]
    apply_batch: u32,
    /// How long applied bids are kept in the consumer's inbox, in seconds, 1 to 3155760000: how far back a live feed can be
    /// resumed. What is deleted still counts once.
    #[arg(long, env = "OUTBOX_INBOX_RETENTION_S", default_value_t = 7 * 24 * 3600, value_parser = value_parser!(u64).range(1..=3_155_760_000))]
    inbox_retention_s: u64,
}

impl ConsumerArgs {
    pub(crate) fn consumer(&self) -> ConsumerSettings {
        ConsumerSettings {
            prefetch: self.prefetch,
            batch: self.apply_batch as usize,
            retention: Duration::from_secs(self.inbox_retention_s),
        }
    }
}
