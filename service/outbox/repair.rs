//! What is done to events outside the relay's cycle: putting failed ones back, purging published ones.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

/// Which failed events to put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeue {
    /// All of them.
    All,
    /// Those of one auction.
    Auction(Uuid),
    /// One event.
    Event(Uuid),
}

/// Makes failed events pending again, with a fresh count of attempts. Returns how many. They are due at once, and hold
/// their auctions until they are claimed: relays that look further up by now come back for them first.
pub async fn requeue(conn: &mut PgConnection, which: &Requeue) -> sqlx::Result<u64> {
    let (auction, event) = match which {
        Requeue::All => (None, None),
        Requeue::Auction(id) => (Some(*id), None),
        Requeue::Event(id) => (None, Some(*id)),
    };
    let put_back = sqlx::query(
        "UPDATE outbox_events SET status = 'pending', processed_at = NULL, retry_at = clock_timestamp(), attempts = 0
         WHERE status = 'failed' AND ($1::uuid IS NULL OR auction_id = $1) AND ($2::uuid IS NULL OR id = $2)",
    )
    .bind(auction)
    .bind(event)
    .execute(conn)
    .await?;
    Ok(put_back.rows_affected())
}

/// Deletes up to `chunk` events that were published longer than `retention` ago. Returns how many: fewer than `chunk`
/// means that nothing is left.
pub async fn purge(conn: &mut PgConnection, retention: Duration, chunk: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query(
        "DELETE FROM outbox_events WHERE id IN (
             SELECT id FROM outbox_events
             WHERE status = 'published' AND processed_at < clock_timestamp() - $1 * interval '1 s'
             ORDER BY processed_at LIMIT $2
             FOR UPDATE SKIP LOCKED)",
    )
    .bind(retention.as_secs_f64())
    .bind(chunk)
    .execute(conn)
    .await?;
    Ok(purged.rows_affected())
}
