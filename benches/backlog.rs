//! Events that wait, as the service would have written them, made in bulk.

use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;

use crate::stage;

/// How long a backlog may take to drain; a relay that takes longer has hung.
const DRAINED_WITHIN: Duration = Duration::from_secs(300);

/// How events spread over auctions.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Auctions.
    pub auctions: i64,
    /// Whether the first one gets every other event.
    pub hot: bool,
}

/// A thousand auctions, evenly.
pub const EVEN: Spread = Spread {
    auctions: 1_000,
    hot: false,
};

/// Appends `events` in one transaction and rings every relay, if one sleeps. Returns the moment, by the
/// database's clock, from which they could be claimed. `first` numbers the events, so that a second call continues.
pub async fn append(pool: &PgPool, first: i64, events: i64, spread: Spread) -> Result<f64> {
    let mut connection = pool.acquire().await?;
    let mut tx = sqlx::Connection::begin(&mut *connection).await?;
    sqlx::query(
        "WITH drawn AS MATERIALIZED (
             SELECT n, CASE WHEN $4 AND n % 2 = 0 THEN 0 ELSE n % $3 END AS auction
             FROM generate_series($1, $1 + $2 - 1) AS n
         ), placed AS MATERIALIZED (
             SELECT n, md5(auction::text)::uuid AS auction_id,
                    -- Unique and growing within an auction, as the outbox wants it; no reader here minds gaps.
                    n + 1 AS sequence
             FROM drawn
         )
         INSERT INTO outbox_events (id, event_type, payload, auction_id, sequence)
         SELECT (lpad(to_hex(1764000000000 + n / 8), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
                     || '8' || substr(md5(n::text), 1, 15))::uuid,
                'auction.v1.BidPlaced',
                jsonb_build_object(
                    'bidId', md5('bid' || n)::uuid, 'userId', 'bidder-' || n % 500, 'amount', (1000 + n)::text,
                    'timestamp', '2026-01-01T00:00:00.123456Z', 'auctionId', auction_id, 'sequence', sequence::text),
                auction_id, sequence
         FROM placed ORDER BY n",
    )
    .bind(first)
    .bind(events)
    .bind(spread.auctions)
    .bind(spread.hot)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "SELECT pg_notify('outbox', '') WHERE EXISTS (SELECT FROM relays WHERE wants_ring)",
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let now = sqlx::query_scalar("SELECT extract(epoch FROM clock_timestamp())::float8");
    Ok(now.fetch_one(&mut *connection).await?)
}

/// Waits until nothing is left, and says how long after `since` the last event was marked.
pub async fn drained(pool: &PgPool, since: f64) -> Result<Duration> {
    let drained = || async {
        let left: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM outbox_events WHERE status = 'pending')
                 OR EXISTS (SELECT FROM outbox_events WHERE status = 'processing')",
        )
        .fetch_one(pool)
        .await?;
        Ok((!left).then_some(()))
    };
    stage::until("draining the backlog", DRAINED_WITHIN, drained).await?;
    let last: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM max(processed_at))::float8 FROM outbox_events WHERE status = 'published'",
    )
    .fetch_one(pool)
    .await?;
    Ok(Duration::from_secs_f64((last - since).max(1e-6)))
}
