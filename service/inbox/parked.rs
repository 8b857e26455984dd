//! Bids that wait for a predecessor. What they cost a batch does not grow with their number: one probe an auction says
//! where the first of them is, and only the run that continues a standing is walked.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::APPLIED;
use crate::outbox::backlog::COUNTED;

/// How many parked bids one transaction applies. A run may be longer than a transaction's deadline allows.
pub(super) const CHUNK: u32 = 5_000;

/// What waits, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, sqlx::FromRow)]
pub(crate) struct Waiting {
    /// Bids that wait for a predecessor; counting ends at [`COUNTED`].
    pub parked: i64,
    /// How long the first of them has waited.
    pub oldest_gap_seconds: f64,
}

/// Measures what waits, from an index of what does.
pub(crate) async fn measure(conn: &mut PgConnection) -> sqlx::Result<Waiting> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM (SELECT FROM inbox WHERE applied_at IS NULL LIMIT $1) c) AS parked,
                coalesce(extract(epoch FROM clock_timestamp() - (
                    SELECT received_at FROM inbox WHERE applied_at IS NULL ORDER BY received_at LIMIT 1
                )), 0)::float8 AS oldest_gap_seconds",
    )
    .bind(COUNTED)
    .fetch_one(conn)
    .await
}

/// The first parked place beyond each standing that has one. A statement of its own: it must see what was parked while
/// the standings' locks were waited for.
pub(super) async fn first(
    conn: &mut PgConnection,
    last: &BTreeMap<Uuid, i64>,
) -> sqlx::Result<BTreeMap<Uuid, i64>> {
    let first: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT standing.auction_id, parked.sequence
         FROM unnest($1::uuid[], $2::bigint[]) AS standing (auction_id, last_sequence)
         CROSS JOIN LATERAL (
             SELECT i.sequence FROM inbox i
             WHERE i.auction_id = standing.auction_id AND i.sequence > standing.last_sequence AND i.applied_at IS NULL
             ORDER BY i.sequence LIMIT 1
         ) AS parked",
    )
    .bind(last.keys().copied().collect::<Vec<_>>())
    .bind(last.values().copied().collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(first.into_iter().collect())
}

/// Applies, for each auction, the run of parked bids that continues its standing without a gap, and tells the live feed.
/// Stops at `limit` bids altogether: then there may be more. Returns how many.
///
/// Each step of the walk probes one place of each auction, and the limits keep the planner from reading all that is parked
/// instead. The walk takes every auction's next bid before any second one, so that what the limit leaves is a prefix of
/// each run.
pub(super) async fn apply(
    conn: &mut PgConnection,
    auctions: &[Uuid],
    limit: u32,
) -> sqlx::Result<u64> {
    if auctions.is_empty() {
        return Ok(0);
    }
    let applied: Vec<i64> = sqlx::query_scalar(
        "WITH RECURSIVE walk AS (
             SELECT s.auction_id, next.bid_id, next.sequence, next.amount
             FROM standings s CROSS JOIN LATERAL (
                 SELECT i.bid_id, i.sequence, i.amount FROM inbox i
                 WHERE i.auction_id = s.auction_id AND i.sequence = s.last_sequence + 1 AND i.applied_at IS NULL LIMIT 1
             ) AS next
             WHERE s.auction_id = ANY($1)
             UNION ALL
             SELECT walk.auction_id, next.bid_id, next.sequence, next.amount
             FROM walk CROSS JOIN LATERAL (
                 SELECT i.bid_id, i.sequence, i.amount FROM inbox i
                 WHERE i.auction_id = walk.auction_id AND i.sequence = walk.sequence + 1 AND i.applied_at IS NULL LIMIT 1
             ) AS next
         ), run AS MATERIALIZED (
             SELECT * FROM walk LIMIT $3
         ), applied AS (
             UPDATE inbox SET applied_at = clock_timestamp() WHERE bid_id = ANY (ARRAY(SELECT bid_id FROM run))
         ), sums AS (
             SELECT auction_id, count(*) AS bids, max(sequence) AS last_sequence,
                    max(amount) AS amount, (array_agg(bid_id ORDER BY amount DESC))[1] AS bid_id
             FROM run GROUP BY auction_id
         ), advanced AS (
             UPDATE standings s
             SET last_sequence = sums.last_sequence,
                 bid_count = bid_count + sums.bids,
                 highest_bid_id = CASE WHEN highest_amount >= sums.amount THEN highest_bid_id ELSE sums.bid_id END,
                 highest_amount = GREATEST(highest_amount, sums.amount)
             FROM sums WHERE s.auction_id = sums.auction_id
             RETURNING s.auction_id, sums.bids
         ), told AS MATERIALIZED (
             SELECT bids, pg_notify($2, auction_id::text) FROM advanced
         )
         SELECT bids FROM told",
    )
    .bind(auctions)
    .bind(APPLIED)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    Ok(applied.iter().sum::<i64>().unsigned_abs())
}
