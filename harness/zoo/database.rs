//! Sessions of Postgres.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, Result};
use sqlx::{
    ConnectOptions, PgConnection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};

use super::{
    bug::{Bug, fires},
    within,
};

/// How long connecting, and everything that is asked at once, may take.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// What a session begins with. The server gives up what nobody waits for any more.
pub fn options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).context("reading the database's address")?;
    let options = match fires(Bug::SynchronousCommitOff) {
        true => options.options([("synchronous_commit", "off")]),
        false => options,
    };
    let bounded = options.options([
        ("statement_timeout", "2500"),
        ("idle_in_transaction_session_timeout", "5000"),
    ]);
    Ok(bounded)
}

/// A session of its own.
pub async fn connect(url: &str) -> Result<PgConnection> {
    let options = options(url)?;
    let connected = within(ANSWER_WITHIN, options.connect()).await;
    connected?.context("connecting to the database")
}

/// So many sessions at most; none is opened yet.
pub fn pool(url: &str, most: u32) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ANSWER_WITHIN);
    Ok(pool.connect_lazy_with(options(url)?))
}
