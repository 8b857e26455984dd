//! What is waiting in the outbox, for the metrics. Reads partial indexes only: published events are never counted.

use sqlx::PgConnection;

/// The events that have not left yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct Backlog {
    /// Waiting for a relay, or backing off.
    pub pending: i64,
    /// Claimed by a relay.
    pub processing: i64,
    /// Given up.
    pub failed: i64,
    /// The age of the longest waiting event; 0 when none waits. The one number to alert on.
    pub oldest_pending_seconds: f64,
}

/// Measures the backlog.
pub async fn measure(connection: &mut PgConnection) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM outbox_events WHERE status = 'pending') AS pending,
                (SELECT count(*) FROM outbox_events WHERE status = 'processing') AS processing,
                (SELECT count(*) FROM outbox_events WHERE status = 'failed') AS failed,
                coalesce((
                    SELECT greatest(extract(epoch FROM clock_timestamp() - created_at), 0)::float8
                    FROM outbox_events WHERE status = 'pending' ORDER BY position LIMIT 1
                ), 0) AS oldest_pending_seconds",
    )
    .fetch_one(connection)
    .await
}
