//! The consumer's transaction: remember what was received, apply what is in order. The only place that writes `inbox`
//! and `standings`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Add,
};

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::events::BidPlaced;

mod runs;

use runs::Runs;

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

/// Divides a batch in two that can be received side by side: no auction has bids in both.
pub(crate) fn halves(batch: &[ReceivedBid]) -> [Vec<ReceivedBid>; 2] {
    let (one, other) = batch
        .iter()
        .cloned()
        .partition(|bid| bid.auction_id.as_u128().count_ones() % 2 == 0);
    [one, other]
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

impl Add for Received {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            new: self.new + other.new,
            duplicates: self.duplicates + other.duplicates,
            applied: self.applied + other.applied,
        }
    }
}

/// Receives a batch in one transaction. After it commits, the batch may be acked; until then nothing has happened.
pub(crate) async fn receive(
    conn: &mut PgConnection,
    batch: &[ReceivedBid],
) -> sqlx::Result<Received> {
    let bids: BTreeMap<Uuid, &ReceivedBid> = batch.iter().map(|bid| (bid.bid_id, bid)).collect();
    let auctions: BTreeSet<Uuid> = batch.iter().map(|bid| bid.auction_id).collect();
    let auctions = Vec::from_iter(auctions);
    let mut tx = conn.begin().await?;
    let last = lock_standings(&mut tx, &auctions).await?;
    let parked = with_parked(&mut tx, &auctions).await?;
    let runs = Runs::of(bids.values().copied(), &last, &parked);
    let (in_runs, others): (Vec<&ReceivedBid>, Vec<_>) = bids
        .into_values()
        .partition(|bid| runs.bids.contains(&bid.bid_id));
    insert(&mut tx, APPLY, &in_runs).await?;
    let new = in_runs.len() as u64 + insert(&mut tx, PARK, &others).await?;
    advance(&mut tx, &runs).await?;
    let applied = in_runs.len() as u64 + apply_parked(&mut tx, &Vec::from_iter(parked)).await?;
    tx.commit().await?;
    Ok(Received {
        new,
        duplicates: batch.len() as u64 - new,
        applied,
    })
}

/// Locks the auctions' standings and says their last sequences. Locked in one order everywhere; only two consumers that
/// meet two new auctions at the same moment can deadlock, and then one of them tries again.
async fn lock_standings(
    conn: &mut PgConnection,
    auctions: &[Uuid],
) -> sqlx::Result<BTreeMap<Uuid, i64>> {
    let lock = "SELECT auction_id, last_sequence FROM standings WHERE auction_id = ANY($1) ORDER BY auction_id FOR UPDATE";
    let known: Vec<(Uuid, i64)> = sqlx::query_as(lock)
        .bind(auctions)
        .fetch_all(&mut *conn)
        .await?;
    if known.len() == auctions.len() {
        return Ok(known.into_iter().collect());
    }
    sqlx::query(
        "INSERT INTO standings (auction_id) SELECT unnest($1::uuid[]) ON CONFLICT (auction_id) DO NOTHING",
    )
    .bind(auctions)
    .execute(&mut *conn)
    .await?;
    let known: Vec<(Uuid, i64)> = sqlx::query_as(lock).bind(auctions).fetch_all(conn).await?;
    Ok(known.into_iter().collect())
}

/// Which of the auctions have parked bids. A statement of its own: it must see what was parked while the locks were
/// waited for.
async fn with_parked(conn: &mut PgConnection, auctions: &[Uuid]) -> sqlx::Result<BTreeSet<Uuid>> {
    let parked: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT auction_id FROM inbox WHERE auction_id = ANY($1) AND applied_at IS NULL",
    )
    .bind(auctions)
    .fetch_all(conn)
    .await?;
    Ok(parked.into_iter().collect())
}

/// A bid of a run is beyond all that was received of its auction: if its name is known, it has been in another place, and
/// that is nonsense (`inbox_pkey`).
const APPLY: &str =
    "INSERT INTO inbox (bid_id, auction_id, sequence, user_id, amount, placed_at, applied_at)
    SELECT *, clock_timestamp()
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::timestamptz[])";
/// The named target swallows a bid received before and nothing else.
const PARK: &str = "INSERT INTO inbox (bid_id, auction_id, sequence, user_id, amount, placed_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::timestamptz[])
    ON CONFLICT (bid_id) DO NOTHING";

/// Writes bids down, in the order of their ids. Returns how many were new.
async fn insert(
    conn: &mut PgConnection,
    how: &'static str,
    bids: &[&ReceivedBid],
) -> sqlx::Result<u64> {
    if bids.is_empty() {
        return Ok(0);
    }
    let inserted = sqlx::query(how)
        .bind(bids.iter().map(|bid| bid.bid_id).collect::<Vec<_>>())
        .bind(bids.iter().map(|bid| bid.auction_id).collect::<Vec<_>>())
        .bind(bids.iter().map(|bid| bid.sequence).collect::<Vec<_>>())
        .bind(
            bids.iter()
                .map(|bid| bid.user_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(bids.iter().map(|bid| bid.amount).collect::<Vec<_>>())
        .bind(bids.iter().map(|bid| bid.placed_at).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(inserted.rows_affected())
}

/// Adds the runs to their auctions' standings, and tells the live feed.
async fn advance(conn: &mut PgConnection, runs: &Runs<'_>) -> sqlx::Result<()> {
    if runs.of_auction.is_empty() {
        return Ok(());
    }
    let run = || runs.of_auction.values();
    sqlx::query(
        "WITH advanced AS (
             UPDATE standings s
             SET last_sequence = run.last_sequence,
                 bid_count = bid_count + run.bids,
                 highest_bid_id = CASE WHEN highest_amount >= run.amount THEN highest_bid_id ELSE run.bid_id END,
                 highest_amount = GREATEST(highest_amount, run.amount)
             FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bigint[])
                 AS run (auction_id, last_sequence, bids, bid_id, amount)
             WHERE s.auction_id = run.auction_id
             RETURNING s.auction_id
         )
         SELECT pg_notify($6, auction_id::text) FROM advanced",
    )
    .bind(runs.of_auction.keys().copied().collect::<Vec<_>>())
    .bind(run().map(|run| run.last_sequence).collect::<Vec<_>>())
    .bind(run().map(|run| run.count).collect::<Vec<_>>())
    .bind(run().map(|run| run.highest.bid_id).collect::<Vec<_>>())
    .bind(run().map(|run| run.highest.amount).collect::<Vec<_>>())
    .bind(APPLIED)
    .execute(conn)
    .await?;
    Ok(())
}

/// Applies, for each auction, the run of parked bids that continues its standing without a gap, and tells the
/// live feed. Returns how many.
async fn apply_parked(conn: &mut PgConnection, auctions: &[Uuid]) -> sqlx::Result<u64> {
    if auctions.is_empty() {
        return Ok(0);
    }
    let applied: Vec<i64> = sqlx::query_scalar(
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
    .fetch_all(conn)
    .await?;
    Ok(applied.iter().sum::<i64>().unsigned_abs())
}
