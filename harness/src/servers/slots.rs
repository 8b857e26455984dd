//! Replication slots that keep a database from being dropped.

use std::time::Duration;

use anyhow::{Result, bail};
use sqlx::{Connection, PgConnection};
use tokio::time;

/// How long somebody may go on reading a slot after being told to end.
const DROPPED_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(30);

/// Drops what slots a database has, so that it can be dropped: those of a run that died, and is perhaps still reading.
pub(super) async fn drop_of(url: &str, database: &str) -> Result<()> {
    let deadline = time::Instant::now() + DROPPED_WITHIN;
    let mut connection = PgConnection::connect(url).await?;
    loop {
        let asked = sqlx::query_scalar::<_, i64>(
            "WITH slots AS MATERIALIZED (SELECT * FROM pg_replication_slots WHERE database = $1),
                  ended AS MATERIALIZED (
                      SELECT pg_terminate_backend(active_pid) FROM slots WHERE active_pid IS NOT NULL),
                  dropped AS MATERIALIZED (
                      SELECT pg_drop_replication_slot(slot_name) FROM slots WHERE active_pid IS NULL)
             SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM dropped)",
        );
        // It fails where the slot's reader comes between: by reading it, or by dropping it first.
        let left = match asked.bind(database).fetch_one(&mut connection).await {
            Ok(0) => return Ok(connection.close().await?),
            Ok(slots) => format!("there were {slots}"),
            Err(error @ sqlx::Error::Database(_)) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        if time::Instant::now() > deadline {
            bail!("{database} still has slots after {DROPPED_WITHIN:?}: {left}");
        }
        time::sleep(AGAIN).await;
    }
}
