//! The consumer's transaction: remember what was received, apply what is in order. The only place that writes `inbox`
//! and `standings`.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::events::BidPlaced;

/// The channel on which the live feed hears of applied bids; the payload is the auction.
pub(crate) const APPLIED: &str = "bids_applied";

/// A delivery that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReceivedBid {
    bid_id: Uuid,
    auction_id: Uuid,
    sequence: i64,
    user_id: String,
    amount: i64,
    placed_at: DateTime<Utc>,
}

/// Why a decoded event cannot be a bid. No retry mends it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Nonsense {
    #[error("{0} is not a UUID")]
    Id(&'static str),
    #[error("{0} must be greater than zero")]
    NotPositive(&'static str),
    #[error("user_id contains a NUL character")]
    UserId,
    #[error("timestamp is missing or out of range")]
    Timestamp,
}

impl TryFrom<BidPlaced> for ReceivedBid {
    type Error = Nonsense;

    fn try_from(event: BidPlaced) -> Result<Self, Nonsense> {
        let positive = |name, value: i64| {
            if value > 0 {
                Ok(value)
            } else {
                Err(Nonsense::NotPositive(name))
            }
        };
        if event.user_id.contains('\0') {
            return Err(Nonsense::UserId);
        }
        Ok(Self {
            bid_id: event.bid_id.parse().map_err(|_| Nonsense::Id("bid_id"))?,
            auction_id: event
                .auction_id
                .parse()
                .map_err(|_| Nonsense::Id("auction_id"))?,
            sequence: positive("sequence", event.sequence)?,
            amount: positive("amount", event.amount)?,
            user_id: event.user_id,
            placed_at: event
                .timestamp
                .and_then(|at| DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?))
                .filter(|at| (1970..=9999).contains(&chrono::Datelike::year(at)))
                .ok_or(Nonsense::Timestamp)?,
        })
    }
}

/// What a batch of deliveries came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Seen for the first time.
    pub new: u64,
    /// Seen before; nothing was changed for them.
    pub duplicates: u64,
    /// Applied now, parked ones of earlier batches included.
    pub applied: u64,
}

/// Receives a batch in one transaction. After it commits, the batch may be acked; until then nothing has happened.
pub(crate) async fn receive(
    conn: &mut PgConnection,
    batch: &[ReceivedBid],
) -> sqlx::Result<Received> {
    let mut tx = conn.begin().await?;
    let new = remember(&mut tx, batch).await?;
    // In one order everywhere, so that two consumers never deadlock.
    let auctions: Vec<Uuid> = batch
        .iter()
        .map(|bid| bid.auction_id)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    lock_standings(&mut tx, &auctions).await?;
    let applied = apply(&mut tx, &auctions).await?;
    tx.commit().await?;
    Ok(Received {
        new,
        duplicates: batch.len() as u64 - new,
        applied,
    })
}

async fn remember(conn: &mut PgConnection, batch: &[ReceivedBid]) -> sqlx::Result<u64> {
    let mut bids: Vec<&ReceivedBid> = batch.iter().collect();
    bids.sort_by_key(|bid| bid.bid_id);
    // The named target swallows a bid seen before and nothing else.
    let inserted = sqlx::query(
        "INSERT INTO inbox (bid_id, auction_id, sequence, user_id, amount, placed_at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::timestamptz[])
         ON CONFLICT (bid_id) DO NOTHING",
    )
    .bind(bids.iter().map(|bid| bid.bid_id).collect::<Vec<_>>())
    .bind(bids.iter().map(|bid| bid.auction_id).collect::<Vec<_>>())
    .bind(bids.iter().map(|bid| bid.sequence).collect::<Vec<_>>())
    .bind(bids.iter().map(|bid| bid.user_id.as_str()).collect::<Vec<_>>())
    .bind(bids.iter().map(|bid| bid.amount).collect::<Vec<_>>())
    .bind(bids.iter().map(|bid| bid.placed_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected())
}

async fn lock_standings(conn: &mut PgConnection, auctions: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO standings (auction_id) SELECT unnest($1::uuid[]) ON CONFLICT (auction_id) DO NOTHING",
    )
    .bind(auctions)
    .execute(&mut *conn)
    .await?;
    sqlx::query("SELECT FROM standings WHERE auction_id = ANY($1) ORDER BY auction_id FOR UPDATE")
        .bind(auctions)
        .execute(conn)
        .await?;
    Ok(())
}

/// Applies, for each auction, the run of bids that continues its standing without a gap, and tells the live feed.
async fn apply(conn: &mut PgConnection, auctions: &[Uuid]) -> sqlx::Result<u64> {
    let changed: Vec<(Uuid, i64)> = sqlx::query_as(
        "WITH waiting AS (
             SELECT i.bid_id, i.auction_id, i.sequence, i.amount,
                    s.last_sequence + row_number() OVER (PARTITION BY i.auction_id ORDER BY i.sequence) AS next
             FROM inbox i JOIN standings s USING (auction_id)
             WHERE i.auction_id = ANY($1) AND i.applied_at IS NULL AND i.sequence > s.last_sequence
         ), run AS MATERIALIZED (
             SELECT * FROM waiting WHERE sequence = next
         ), applied AS (
             UPDATE inbox SET applied_at = clock_timestamp() FROM run WHERE inbox.bid_id = run.bid_id
         ), sums AS (
             SELECT auction_id, count(*) AS bids, max(sequence) AS last_sequence,
                    max(amount) AS amount, (array_agg(bid_id ORDER BY amount DESC))[1] AS bid_id
             FROM run GROUP BY auction_id
         )
         UPDATE standings s
         SET last_sequence = sums.last_sequence,
             bid_count = bid_count + sums.bids,
             highest_bid_id = CASE WHEN highest_amount >= sums.amount THEN highest_bid_id ELSE sums.bid_id END,
             highest_amount = GREATEST(highest_amount, sums.amount)
         FROM sums WHERE s.auction_id = sums.auction_id
         RETURNING s.auction_id, sums.bids",
    )
    .bind(auctions)
    .fetch_all(&mut *conn)
    .await?;
    if changed.is_empty() {
        return Ok(0);
    }
    let (changed, applied): (Vec<Uuid>, Vec<i64>) = changed.into_iter().unzip();
    sqlx::query("SELECT pg_notify($2, auction::text) FROM unnest($1::uuid[]) AS auction")
        .bind(changed)
        .bind(APPLIED)
        .execute(conn)
        .await?;
    Ok(applied.iter().sum::<i64>() as u64)
}
