//! All settings: each one a flag or an environment variable, with its meaning, unit and default in `--help`.

use std::{
    ffi::{OsStr, OsString},
    net::SocketAddr,
    time::Duration,
};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

use crate::{
    broker::{Broker, Declare, QueueKind},
    consumer::ConsumerSettings,
    outbox::Requeue,
    relay::RelaySettings,
};

/// Bids over HTTP, stored together with their events in Postgres, relayed to RabbitMQ, applied exactly once.
#[derive(Debug, Clone, Parser)]
#[command(name = "outbox-service", version, propagate_version = true)]
pub struct Cli {
    /// What this process does.
    #[command(subcommand)]
    pub role: Role,
    /// How it does it.
    #[command(flatten)]
    pub config: Config,
}

/// The environment variables that are settings.
pub fn settings() -> Vec<OsString> {
    let command = Cli::command();
    let names = command.get_arguments().filter_map(clap::Arg::get_env);
    names.map(OsStr::to_owned).collect()
}

/// The roles of the one binary.
#[derive(Debug, Clone, Subcommand)]
pub enum Role {
    /// Take bids over HTTP and store them with their events.
    Api,
    /// Publish stored events to RabbitMQ. Run as many as you like.
    Relay,
    /// Apply published events and feed `/auctions/{id}/live`.
    Consumer,
    /// Migrate, then api, relay and consumer in one process.
    All,
    /// Bring the database's schema up to date, then exit.
    Migrate,
    /// Put failed events back into the outbox, then exit.
    Requeue(RequeueArgs),
    /// Put dead letters back into the consumer's queue, then exit.
    Redrive(RedriveArgs),
}

/// Which dead letters to put back.
#[derive(Debug, Clone, Args)]
pub struct RedriveArgs {
    /// All of them. Without it, those that the broker gave up for having been returned too often; what the consumer had
    /// rejected for what it is would only be rejected again.
    #[arg(long)]
    pub all: bool,
}

/// Which failed events to put back; exactly one must be said.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct RequeueArgs {
    /// Every failed event.
    #[arg(long)]
    all: bool,
    /// The failed events of this auction.
    #[arg(long, value_name = "AUCTION_ID")]
    auction: Option<Uuid>,
    /// This event.
    #[arg(long, value_name = "EVENT_ID")]
    event: Option<Uuid>,
}

impl From<RequeueArgs> for Requeue {
    fn from(args: RequeueArgs) -> Self {
        match (args.auction, args.event) {
            (Some(auction), _) => Self::Auction(auction),
            (None, Some(event)) => Self::Event(event),
            (None, None) => Self::All,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What happens to an auction's later events when one of its events has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFailed {
    /// They wait until it is requeued: order before progress.
    Hold,
    /// They go out without it. A consumer that needs every bid, as this service's does, keeps them aside until it is
    /// requeued, for ever if it never is: skip is for consumers that can do without one.
    Skip,
}

/// Every setting of every role.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Config {
    /// Postgres, as postgres://user:password@host:port/database.
    #[arg(
        long,
        env,
        global = true,
        hide_env_values = true,
        default_value = "postgres://postgres@localhost:5432/outbox"
    )]
    pub database_url: String,
    /// RabbitMQ, as amqp://user:password@host:port/vhost (vhost "/" is %2f).
    #[arg(
        long,
        env,
        global = true,
        hide_env_values = true,
        default_value = "amqp://guest:guest@localhost:5672/%2f"
    )]
    pub amqp_url: String,
    /// Where to listen: the API, and /healthz, /readyz, /metrics of every role. Port 0 takes a free one.
    #[arg(long, env, global = true, default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Log lines for people or for machines.
    #[arg(long, env, global = true, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// What to log, as in RUST_LOG: "info", "outbox_service=debug,warn".
    #[arg(long, env, global = true, default_value = "info")]
    pub log: String,
    /// How long a stopping process may take to finish what it has begun, in milliseconds.
    #[arg(long, env, global = true, default_value_t = 10_000)]
    pub shutdown_grace_ms: u64,

    /// Largest request body, in bytes.
    #[arg(long, env, global = true, default_value_t = 16 * 1024)]
    pub max_body_bytes: usize,
    /// How long a request may take before it is answered 503, in milliseconds.
    #[arg(long, env, global = true, default_value_t = 5_000)]
    pub request_timeout_ms: u64,
    /// How long a request may wait for a database connection before it is answered 503, in milliseconds.
    #[arg(long, env, global = true, default_value_t = 2_000)]
    pub pool_wait_ms: u64,
    /// Database connections of the API.
    #[arg(long, env, global = true, default_value_t = 16)]
    pub api_connections: u32,
    /// Clients that may follow live feeds at once.
    #[arg(long, env, global = true, default_value_t = 256)]
    pub max_live_streams: usize,

    /// Exchange that events are published to: durable, fanout.
    #[arg(long, env, global = true, default_value = "auction.events")]
    pub exchange: String,
    /// The consumer's queue; its dead-letter queue is named after it, with ".dead".
    #[arg(long, env, global = true, default_value = "auction.bids")]
    pub queue: String,
    /// Type of the consumer's queue, where it is created.
    #[arg(long, env, global = true, value_enum, default_value = "quorum")]
    pub queue_kind: QueueKind,
    /// What is created of exchange, queue, dead-letter queue and binding where it is missing.
    #[arg(long, env, global = true, value_enum, default_value = "all")]
    pub declare: Declare,
    /// AMQP heartbeat in seconds; a dead connection is noticed after about two.
    #[arg(long, env, global = true, default_value_t = 10)]
    pub heartbeat_s: u16,

    /// Events claimed and published together. Two windows are on their way at once, and a crash may repeat them.
    #[arg(long, env, global = true, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub window: u32,
    /// How long a relay without a sign of life keeps its lanes, in milliseconds: longer than any pause that is not a death.
    #[arg(long, env, global = true, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(400..=3_600_000))]
    pub lease_ms: u64,
    /// How often an idle relay looks without being rung, in milliseconds: what a lost notification costs.
    #[arg(long, env, global = true, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub poll_ms: u64,
    /// How long the broker may be silent while confirms are due, in milliseconds: at most half the lease.
    #[arg(long, env, global = true, default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(10..=1_800_000))]
    pub confirm_timeout_ms: u64,
    /// An event is given up, as failed, when so many relays have ended while they had it in their hands and before they
    /// could send it. What the broker does to it never counts.
    #[arg(long, env, global = true, default_value_t = 10, value_parser = clap::value_parser!(i32).range(2..=1_000_000))]
    pub max_attempts: i32,
    /// Pause when the broker would not take an event (returned or nacked), in milliseconds; doubles each time. One event is
    /// tried before the others follow.
    #[arg(long, env, global = true, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub retry_base_ms: u64,
    /// Longest such pause, in milliseconds.
    #[arg(long, env, global = true, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub retry_max_ms: u64,
    /// Whether an auction waits for its failed event.
    #[arg(long, env, global = true, value_enum, default_value = "hold")]
    pub on_failed: OnFailed,
    /// How long published events are kept, in seconds.
    #[arg(long, env, global = true, default_value_t = 7 * 24 * 3600)]
    pub retention_s: u64,

    /// Deliveries the broker may have outstanding with the consumer.
    #[arg(long, env, global = true, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..))]
    pub prefetch: u16,
    /// Deliveries applied in one transaction, at most.
    #[arg(long, env, global = true, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub apply_batch: u32,
    /// How long applied bids are kept in the consumer's inbox, in seconds: how far back a live feed can be resumed. What is
    /// deleted still counts once.
    #[arg(long, env, global = true, default_value_t = 7 * 24 * 3600, value_parser = clap::value_parser!(u64).range(1..=3_155_760_000))]
    pub inbox_retention_s: u64,
}

/// Two settings that do not go together.
#[derive(Debug, thiserror::Error)]
#[error(
    "--confirm-timeout-ms {confirm_ms} is more than half of --lease-ms {lease_ms}: a silent broker would outlast the lease"
)]
pub struct Contradiction {
    confirm_ms: u64,
    lease_ms: u64,
}

impl Config {
    /// How long a stopping process may take.
    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_millis(self.shutdown_grace_ms)
    }

    pub(crate) fn broker(&self) -> Broker {
        Broker {
            url: self.amqp_url.clone(),
            heartbeat: self.heartbeat_s,
            exchange: self.exchange.clone(),
            queue: self.queue.clone(),
            queue_kind: self.queue_kind,
            declare: self.declare,
        }
    }

    pub(crate) fn relay(&self) -> Result<RelaySettings, Contradiction> {
        if self.confirm_timeout_ms * 2 > self.lease_ms {
            return Err(Contradiction {
                confirm_ms: self.confirm_timeout_ms,
                lease_ms: self.lease_ms,
            });
        }
        Ok(RelaySettings {
            window: self.window,
            lease: Duration::from_millis(self.lease_ms),
            poll: Duration::from_millis(self.poll_ms),
            confirm_within: Duration::from_millis(self.confirm_timeout_ms),
            refused_pause: (
                Duration::from_millis(self.retry_base_ms),
                Duration::from_millis(self.retry_max_ms.max(self.retry_base_ms)),
            ),
            max_attempts: self.max_attempts,
            hold_failed: self.on_failed == OnFailed::Hold,
            retention: Duration::from_secs(self.retention_s),
        })
    }

    pub(crate) fn consumer(&self) -> ConsumerSettings {
        ConsumerSettings {
            prefetch: self.prefetch,
            batch: self.apply_batch as usize,
            retention: Duration::from_secs(self.inbox_retention_s),
        }
    }
}
