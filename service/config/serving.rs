//! Roles that run until they are told to stop, each with the settings that it has.

use std::time::Duration;

use clap::{Args, value_parser};

use super::{
    ApiArgs, BrokerArgs, ConsumerArgs, ListeningArgs, MigrationArgs, PostgresArgs, RelayArgs,
};

/// What every process has that runs until it is told to stop.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct ServingArgs {
    #[command(flatten)]
    pub listening: ListeningArgs,
    /// How long a stopping process may take to finish what it has begun, in milliseconds, 0 to 3600000.
    #[arg(long, env = "OUTBOX_SHUTDOWN_GRACE_MS", default_value_t = 10_000, value_parser = value_parser!(u64).range(0..=3_600_000))]
    shutdown_grace_ms: u64,
}

impl ServingArgs {
    /// How long a stopping process may take.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.shutdown_grace_ms)
    }
}

/// Of whoever is rung by Postgres.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub(crate) struct Poll {
    /// How often an idle relay looks without being rung, and a live feed while nobody can ring it, in milliseconds, 1 to
    /// 3600000: what a lost notification costs.
    #[arg(long, env = "OUTBOX_POLL_MS", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=3_600_000))]
    poll_ms: u64,
}

impl Poll {
    pub(crate) fn every(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}

/// `api`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Api {
    #[command(flatten)]
    serving: ServingArgs,
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    poll: Poll,
    #[command(flatten)]
    api: ApiArgs,
}

/// `relay`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Relay {
    #[command(flatten)]
    serving: ServingArgs,
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    poll: Poll,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    pub(super) relay: RelayArgs,
}

/// `consumer`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Consumer {
    #[command(flatten)]
    serving: ServingArgs,
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    consumer: ConsumerArgs,
}

/// `all`.
#[derive(Debug, Clone, Args)]
pub(crate) struct All {
    #[command(flatten)]
    serving: ServingArgs,
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    migration: MigrationArgs,
    #[command(flatten)]
    poll: Poll,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    pub(super) relay: RelayArgs,
    #[command(flatten)]
    consumer: ConsumerArgs,
}

/// One process of some roles, and what each of them is to be.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub process: ServingArgs,
    pub postgres: PostgresArgs,
    pub api: Option<(ApiArgs, Poll)>,
    pub relay: Option<(RelayArgs, Poll, BrokerArgs)>,
    pub consumer: Option<(ConsumerArgs, BrokerArgs)>,
    /// How long it may take to bring the schema up to date, if that is its to do.
    pub migrates: Option<Duration>,
}

impl Serving {
    /// A process of no role yet.
    fn of(process: ServingArgs, postgres: PostgresArgs) -> Self {
        Self {
            process,
            postgres,
            api: None,
            relay: None,
            consumer: None,
            migrates: None,
        }
    }
}

impl From<Api> for Serving {
    fn from(role: Api) -> Self {
        Self {
            api: Some((role.api, role.poll)),
            ..Self::of(role.serving, role.postgres)
        }
    }
}

impl From<Relay> for Serving {
    fn from(role: Relay) -> Self {
        Self {
            relay: Some((role.relay, role.poll, role.broker)),
            ..Self::of(role.serving, role.postgres)
        }
    }
}

impl From<Consumer> for Serving {
    fn from(role: Consumer) -> Self {
        Self {
            consumer: Some((role.consumer, role.broker)),
            ..Self::of(role.serving, role.postgres)
        }
    }
}

impl From<All> for Serving {
    fn from(role: All) -> Self {
        Self {
            process: role.serving,
            postgres: role.postgres,
            api: Some((role.api, role.poll.clone())),
            relay: Some((role.relay, role.poll, role.broker.clone())),
            consumer: Some((role.consumer, role.broker)),
            migrates: Some(role.migration.within()),
        }
    }
}
