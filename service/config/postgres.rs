//! How Postgres is reached.

use std::time::Duration;

use clap::{Args, value_parser};

/// How Postgres is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub(crate) struct PostgresArgs {
    /// Postgres, as postgres://user:password@host:port/database.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "postgres://postgres@localhost:5432/outbox"
    )]
    pub database_url: String,
    /// How long whoever needs a connection waits for one, in milliseconds, 1 to 600000: a request is answered 503 then.
    #[arg(long, env = "OUTBOX_POOL_WAIT_MS", default_value_t = 2_000, value_parser = value_parser!(u64).range(1..=600_000))]
    pool_wait_ms: u64,
}

impl PostgresArgs {
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_millis(self.pool_wait_ms)
    }
}
