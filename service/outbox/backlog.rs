//! What has not left the outbox, for the metrics. Each figure is read from a partial index, and none costs more than
//! [`COUNTED`] entries of it, however much waits.

use sqlx::PgConnection;

/// Counts stop here.
pub const COUNTED: i64 = 100_000;
/// Held auctions are counted one probe each.
const AUCTIONS: i64 = 1_000;

/// The events that have not left yet. Counts end at [`COUNTED`], auctions at a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct Backlog {
    /// Waiting for a relay.
    pub pending: i64,
    /// Claimed by a relay.
    pub processing: i64,
    /// Given up.
    pub failed: i64,
    /// Waiting for an earlier one of their auction that has failed.
    pub held: i64,
    /// Auctions that wait for a failed event.
    pub held_auctions: i64,
    /// The age of the oldest event that is not published, whatever became of it; 0 when there is none. The one number to
    /// alert on.
    pub oldest_unpublished_seconds: f64,
}

/// Measures the backlog.
pub async fn measure(connection: &mut PgConnection) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as(
        "WITH RECURSIVE holding AS (
             (SELECT auction_id FROM outbox_events WHERE status = 'failed' OR held ORDER BY auction_id LIMIT 1)
             UNION ALL
             SELECT next.* FROM holding h CROSS JOIN LATERAL (
                 SELECT auction_id FROM outbox_events e
                 WHERE (e.status = 'failed' OR e.held) AND e.auction_id > h.auction_id
                 ORDER BY e.auction_id LIMIT 1) next
         )
         SELECT (SELECT count(*) FROM (
                     SELECT FROM outbox_events WHERE status = 'pending' AND NOT held LIMIT $1) c) AS pending,
                (SELECT count(*) FROM (SELECT FROM outbox_events WHERE status = 'processing' LIMIT $1) c) AS processing,
                (SELECT count(*) FROM (SELECT FROM outbox_events WHERE status = 'failed' LIMIT $1) c) AS failed,
                (SELECT count(*) FROM (SELECT FROM outbox_events WHERE held LIMIT $1) c) AS held,
                (SELECT count(*) FROM (SELECT FROM holding LIMIT $2) c) AS held_auctions,
                coalesce(extract(epoch FROM clock_timestamp() - least(
                    (SELECT min(first.created_at) FROM relay_lanes l CROSS JOIN LATERAL (
                         SELECT created_at FROM outbox_events
                         WHERE lane = l.lane AND status = 'pending' AND NOT held ORDER BY position LIMIT 1) first),
                    (SELECT min(created_at) FROM outbox_events WHERE status = 'processing'),
                    (SELECT created_at FROM outbox_events WHERE status = 'failed' ORDER BY created_at LIMIT 1)
                )), 0)::float8 AS oldest_unpublished_seconds",
    )
    .bind(COUNTED)
    .bind(AUCTIONS)
    .fetch_one(connection)
    .await
}
