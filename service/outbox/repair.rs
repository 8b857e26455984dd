//! What is done to events outside the relay's cycle: putting failed ones back, letting go what no longer has to wait, purging
//! published ones.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::chunks::{BREATH, CHUNK};

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

/// Makes failed events pending again, with a fresh count of attempts, and lets go what waited for them. Returns how many
/// were put back: of those that have failed by now, for one that nothing has mended fails again at once. Stopped in the
/// middle, it can be called again; relays let go what was left in their next rounds.
pub async fn requeue(conn: &mut PgConnection, which: &Requeue) -> sqlx::Result<u64> {
    let now: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(&mut *conn)
        .await?;
    let mut put_back = 0;
    loop {
        let Some(mut auctions) = requeue_some(conn, which, now).await? else {
            return Ok(put_back);
        };
        put_back += auctions.len() as u64;
        auctions.dedup();
        for auction_id in auctions {
            while let_go(conn, auction_id, true, CHUNK).await? == CHUNK as u64 {
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Puts back up to [`CHUNK`] of them, and says whose they were, sorted; `None` when there are none any more.
async fn requeue_some(
    conn: &mut PgConnection,
    which: &Requeue,
    failed_by: DateTime<Utc>,
) -> sqlx::Result<Option<Vec<Uuid>>> {
    let (auction, event) = match which {
        Requeue::All => (None, None),
        Requeue::Auction(id) => (Some(*id), None),
        Requeue::Event(id) => (None, Some(*id)),
    };
    let mut tx = conn.begin().await?;
    let failed: Vec<(Uuid, i16)> = sqlx::query_as(
        "SELECT id, lane FROM outbox_events
         WHERE status = 'failed' AND ($1::uuid IS NULL OR auction_id = $1) AND ($2::uuid IS NULL OR id = $2)
           AND processed_at <= $3
         LIMIT $4",
    )
    .bind(auction)
    .bind(event)
    .bind(failed_by)
    .bind(CHUNK)
    .fetch_all(&mut *tx)
    .await?;
    if failed.is_empty() {
        return Ok(None);
    }
    let (ids, lanes): (Vec<Uuid>, Vec<i16>) = failed.into_iter().unzip();
    recall(&mut tx, &lanes).await?;
    let mut auctions: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE outbox_events SET status = 'pending', processed_at = NULL, attempts = 0
         WHERE id = ANY($1) AND status = 'failed'
         RETURNING auction_id",
    )
    .bind(ids)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    auctions.sort_unstable();
    Ok(Some(auctions))
}

/// Lets go, first ones first, up to `chunk` held events of an auction that wait for none that has failed, or, where
/// failed events do not hold (`hold_failed`), for none at all. Returns how many.
pub async fn let_go(
    conn: &mut PgConnection,
    auction_id: Uuid,
    hold_failed: bool,
    chunk: i64,
) -> sqlx::Result<u64> {
    let mut tx = conn.begin().await?;
    let lane: Option<i16> =
        sqlx::query_scalar("SELECT lane FROM outbox_events WHERE auction_id = $1 AND held LIMIT 1")
            .bind(auction_id)
            .fetch_optional(&mut *tx)
            .await?;
    let Some(lane) = lane else {
        return Ok(0);
    };
    recall(&mut tx, &[lane]).await?;
    let let_go = sqlx::query(
        "UPDATE outbox_events SET held = false
         WHERE id IN (
             SELECT id FROM outbox_events e
             WHERE e.auction_id = $1 AND e.held
               AND e.sequence < coalesce(
                   (SELECT min(sequence) FROM outbox_events WHERE $2 AND auction_id = $1 AND status = 'failed'),
                   9223372036854775807)
             ORDER BY e.sequence LIMIT $3)",
    )
    .bind(auction_id)
    .bind(hold_failed)
    .bind(chunk)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(let_go.rows_affected())
}

/// Locks lanes against claims until the end of the transaction, and has their owners look from the beginning afterwards.
async fn recall(conn: &mut PgConnection, lanes: &[i16]) -> sqlx::Result<()> {
    sqlx::query(
        "WITH theirs AS MATERIALIZED (
             SELECT lane FROM relay_lanes WHERE lane = ANY($1) ORDER BY lane FOR NO KEY UPDATE
         )
         UPDATE relay_lanes l SET recalls = recalls + 1 FROM theirs WHERE l.lane = theirs.lane",
    )
    .bind(lanes)
    .execute(conn)
    .await?;
    Ok(())
}

/// Up to `limit` auctions after `after` with failed or held events, and of each, whether the first of these is held: then it
/// waits for nothing.
pub async fn holding_after(
    conn: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<(Uuid, bool)>> {
    sqlx::query_as(
        "WITH RECURSIVE auctions AS (
             (SELECT auction_id, held FROM outbox_events WHERE (status = 'failed' OR held) AND auction_id > $1
              ORDER BY auction_id, sequence LIMIT 1)
             UNION ALL
             SELECT next.* FROM auctions a CROSS JOIN LATERAL (
                 SELECT auction_id, held FROM outbox_events e
                 WHERE (e.status = 'failed' OR e.held) AND e.auction_id > a.auction_id
                 ORDER BY e.auction_id, e.sequence LIMIT 1) next
         )
         SELECT auction_id, held FROM auctions LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await
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
