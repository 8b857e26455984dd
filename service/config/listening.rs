//! Where a process listens, and how much of it clients may take.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, value_parser};

use crate::http::ConnectionLimits;

/// What of the grace HTTP requests may take, in percent: less than all of it, for what is cut then is still an orderly end.
const DRAIN_PERCENT: u32 = 80;

/// A process's addresses: where it listens, and where whoever looks after it asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct Addresses {
    /// Where to listen: the API, and /healthz, /readyz, /metrics of every role. Port 0 takes a free one.
    #[arg(long, env = "OUTBOX_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Where else to listen, for operators only: /healthz, /readyz and /metrics, with connections of their own, so that they
    /// answer whatever clients do to --http-addr. /metrics is then served here only; the probes stay at --http-addr, too,
    /// for a load balancer that asks where it sends its traffic.
    #[arg(long, env = "OUTBOX_OPS_ADDR")]
    pub ops_addr: Option<SocketAddr>,
}

/// Where a process listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct ListeningArgs {
    #[command(flatten)]
    pub addresses: Addresses,
    /// Open connections of clients, 1 to 1000000; fewer where the process may not have so many descriptors. Of as many, the
    /// one that is without a request for the longest is closed for a new one.
    #[arg(long, env = "OUTBOX_MAX_CONNECTIONS", default_value_t = 2_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// How long a connection may be without a complete request head, in milliseconds, 100 to 3600000. Longer than a proxy in
    /// front keeps its connections, lest it sends into one that is being closed.
    #[arg(long, env = "OUTBOX_IDLE_TIMEOUT_MS", default_value_t = 75_000, value_parser = value_parser!(u64).range(100..=3_600_000))]
    idle_timeout_ms: u64,
    /// How long a client may take nothing of what is sent to it before its connection is closed, in milliseconds, 100 to
    /// 3600000.
    #[arg(long, env = "OUTBOX_WRITE_TIMEOUT_MS", default_value_t = 20_000, value_parser = value_parser!(u64).range(100..=3_600_000))]
    write_timeout_ms: u64,
}

impl ListeningArgs {
    /// What clients may take of a process that has so long to stop.
    pub(crate) fn limits(&self, grace: Duration) -> ConnectionLimits {
        ConnectionLimits {
            most: self.max_connections as usize,
            idle: Duration::from_millis(self.idle_timeout_ms),
            write: Duration::from_millis(self.write_timeout_ms),
            drain: grace * DRAIN_PERCENT / 100,
        }
    }
}
