//! The API's settings.

use std::time::Duration;

use clap::{Args, value_parser};

use crate::http::HttpLimits;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The API's settings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "API")]
pub(crate) struct ApiArgs {
    /// Largest request body, in bytes, 1 to 16777216.
    #[arg(long, env = "OUTBOX_MAX_BODY_BYTES", default_value_t = 16 * 1024, value_parser = value_parser!(u32).range(1..=16_777_216))]
    max_body_bytes: u32,
    /// How long a request may take before it is answered 503, in milliseconds, 1 to 600000.
    #[arg(long, env = "OUTBOX_REQUEST_TIMEOUT_MS", default_value_t = 5_000, value_parser = value_parser!(u64).range(1..=600_000))]
    request_timeout_ms: u64,
    /// Database connections for requests, 1 to 10000.
    #[arg(long, env = "OUTBOX_API_CONNECTIONS", default_value_t = 16, value_parser = value_parser!(u32).range(1..=10_000))]
    pub api_connections: u32,
    /// Clients that may follow live feeds at once, 0 to 1000000, and at most half of --max-connections.
    #[arg(long, env = "OUTBOX_MAX_LIVE_STREAMS", default_value_t = 256, value_parser = value_parser!(u32).range(0..=1_000_000))]
    pub max_live_streams: u32,
    /// How long a live feed may last, in seconds, 1 to 3155760000, or up to a tenth less, so that not all end at once. Its
    /// client comes back with Last-Event-ID; whoever never reads keeps no place for ever.
    #[arg(long, env = "OUTBOX_MAX_FEED_AGE_S", default_value_t = 4 * 3600, value_parser = value_parser!(u64).range(1..=3_155_760_000))]
    max_feed_age_s: u64,
}

impl ApiArgs {
    /// How long a request may take.
    pub(crate) fn request(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// What a request may cost that may wait so long for a connection.
    pub(crate) fn limits(&self, pool_wait: Duration) -> HttpLimits {
        HttpLimits {
            body_bytes: self.max_body_bytes as usize,
            body_deadline: self.request(),
            database_deadline: self.request(),
            request_deadline: self.request() * 2 + pool_wait,
            keep_alive: KEEP_ALIVE,
            feed_age: Duration::from_secs(self.max_feed_age_s),
        }
    }
}
