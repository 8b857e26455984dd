//! The consumer's transaction: remember what was received, apply what is in order. The only place that writes `inbox`
//! and `standings`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Add,
};

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::{database::DatabaseError, events::BidPlaced};

pub(crate) mod parked;
mod place;
mod purge;
mod runs;

pub(crate) use purge::purge;
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

/// Why a batch was not received. Nothing of it has happened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReceived {
    #[error("bid {0} is known in another place, or its place is another bid's")]
    Misplaced(Uuid),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for NotReceived {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
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
    /// There may be parked bids left whose turn it is: [`go_on`].
    pub more: bool,
}

impl Add for Received {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            new: self.new + other.new,
            duplicates: self.duplicates + other.duplicates,
            applied: self.applied + other.applied,
            more: self.more || other.more,
        }
    }
}

/// Receives a batch in one transaction. After it commits, and nothing more is left to [go on](go_on) with, the batch may
/// be acked; until then nothing has happened.
///
/// Whatever is at or below its auction's standing was applied, and needs no row that says so: rows are purged.
pub(crate) async fn receive(
    conn: &mut PgConnection,
    batch: &[ReceivedBid],
) -> Result<Received, NotReceived> {
    let bids = place::by_name(batch)?;
    let auctions = auctions_of(batch);
    let mut tx = conn.begin().await?;
    let last = lock_standings(&mut tx, &auctions).await?;
    let parked = parked::first(&mut tx, &last).await?;
    let runs = Runs::of(bids.values().copied(), &last, &parked);
    let (in_runs, others): (Vec<&ReceivedBid>, Vec<_>) = bids
        .into_values()
        .partition(|bid| runs.bids.contains(&bid.bid_id));
    place::check(&mut tx, &others).await?;
    let early: Vec<&ReceivedBid> = others
        .into_iter()
        .filter(|bid| last.get(&bid.auction_id) < Some(&bid.sequence))
        .collect();
    insert(&mut tx, APPLY, &in_runs).await?;
    let new = in_runs.len() as u64 + insert(&mut tx, PARK, &early).await?;
    advance(&mut tx, &runs).await?;
    let next = runs.up_to_parked(&last, &parked);
    let of_parked = parked::apply(&mut tx, &next, parked::CHUNK).await?;
    tx.commit().await?;
    Ok(Received {
        new,
        duplicates: batch.len() as u64 - new,
        applied: in_runs.len() as u64 + of_parked,
        more: of_parked == u64::from(parked::CHUNK),
    })
}

/// Goes on, in a transaction of its own, with runs of parked bids that were too long for one. Whoever comes to the auction
/// next does so, too: a consumer that dies between two of them has not acked the batch.
pub(crate) async fn go_on(
    conn: &mut PgConnection,
    batch: &[ReceivedBid],
) -> sqlx::Result<Received> {
    let auctions = auctions_of(batch);
    let mut tx = conn.begin().await?;
    lock_standings(&mut tx, &auctions).await?;
    let applied = parked::apply(&mut tx, &auctions, parked::CHUNK).await?;
    tx.commit().await?;
    Ok(Received {
        applied,
        more: applied == u64::from(parked::CHUNK),
        ..Received::default()
    })
}

/// In one order, in which they are locked everywhere.
fn auctions_of(batch: &[ReceivedBid]) -> Vec<Uuid> {
    let auctions: BTreeSet<Uuid> = batch.iter().map(|bid| bid.auction_id).collect();
    Vec::from_iter(auctions)
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

/// A bid of a run is beyond all that was applied of its auction, and before what is parked: if its name is known, it has
/// been in another place, and that is nonsense (`inbox_pkey`).
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
