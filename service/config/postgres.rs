//! How Postgres is reached.

use std::time::Duration;

use clap::{Args, value_parser};

use super::untold::Untold;
use crate::database::DatabaseAddress;

/// How Postgres is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub(crate) struct PostgresArgs {
    /// Postgres, as postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE&sslcert=FILE&sslkey=FILE.
    /// The host leads to the server that takes writes.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "postgres://postgres@localhost:5432/outbox",
        value_parser = Untold(DatabaseAddress::read)
    )]
    pub database_url: DatabaseAddress,
    /// How long whoever needs a connection waits for one, in milliseconds, 1 to 600000: a request is answered 503 then.
    #[arg(long, env = "OUTBOX_POOL_WAIT_MS", default_value_t = 2_000, value_parser = value_parser!(u64).range(1..=600_000))]
    pool_wait_ms: u64,
}

impl PostgresArgs {
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_millis(self.pool_wait_ms)
    }
}

/// Of whoever brings the schema up to date.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub(crate) struct MigrationArgs {
    /// How long migrating the schema may take, in seconds, 1 to 86400: waiting for locks, and for who migrates as well,
    /// included.
    #[arg(long, env = "OUTBOX_MIGRATE_WITHIN_S", default_value_t = 600, value_parser = value_parser!(u64).range(1..=86_400))]
    migrate_within_s: u64,
}

impl MigrationArgs {
    pub(crate) fn within(&self) -> Duration {
        Duration::from_secs(self.migrate_within_s)
    }
}
