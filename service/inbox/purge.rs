//! Retention: applied bids are deleted when they are old. Parked ones wait however long it takes.

use std::time::Duration;

use sqlx::PgConnection;

/// Deletes up to `chunk` bids that were applied longer than `retention` ago. Returns how many: fewer than `chunk` means
/// that nothing is left, or that another consumer deletes it just now.
pub(crate) async fn purge(
    conn: &mut PgConnection,
    retention: Duration,
    chunk: i64,
) -> sqlx::Result<u64> {
    let purged = sqlx::query(
        "DELETE FROM inbox WHERE bid_id = ANY (ARRAY(
             SELECT bid_id FROM inbox
             WHERE applied_at < clock_timestamp() - $1 * interval '1 s'
             ORDER BY applied_at LIMIT $2
             FOR UPDATE SKIP LOCKED))",
    )
    .bind(retention.as_secs_f64())
    .bind(chunk)
    .execute(conn)
    .await?;
    Ok(purged.rows_affected())
}
