//! The lab's own eyes on the database: counts while a run goes on, and the tables at one instant. Connects around all
//! faults, and only reads.

use outbox_service::events::{self, BidPlaced};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::history::{BidRow, EventRow, EventSeen, InboxRow, Snapshot, StandingRow};

/// How much of what there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    /// Rows of `bids`.
    pub bids: i64,
    /// Events that wait.
    pub pending: i64,
    /// Events in a relay's hands.
    pub processing: i64,
    /// Events marked published.
    pub published: i64,
    /// Events given up.
    pub failed: i64,
    /// Bids received and applied.
    pub applied: i64,
    /// Bids received and parked.
    pub parked: i64,
    /// Transactions of the system under test that are still open.
    pub open_transactions: i64,
}

/// Counts.
pub async fn count(pool: &PgPool) -> sqlx::Result<Counts> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM bids) AS bids,
                count(*) FILTER (WHERE status = 'pending') AS pending,
                count(*) FILTER (WHERE status = 'processing') AS processing,
                count(*) FILTER (WHERE status = 'published') AS published,
                count(*) FILTER (WHERE status = 'failed') AS failed,
                (SELECT count(*) FROM inbox WHERE applied_at IS NOT NULL) AS applied,
                (SELECT count(*) FROM inbox WHERE applied_at IS NULL) AS parked,
                (SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name LIKE 'outbox-api%' AND xact_start IS NOT NULL)
                    AS open_transactions
         FROM outbox_events",
    )
    .fetch_one(pool)
    .await
}

/// Reads all tables in one REPEATABLE READ transaction.
pub async fn snapshot(pool: &PgPool) -> sqlx::Result<Snapshot> {
    let mut tx = pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let snapshot = Snapshot {
        bids: bids(&mut tx).await?,
        events: outbox(&mut tx).await?,
        inbox: inbox(&mut tx).await?,
        standings: standings(&mut tx).await?,
        ..Snapshot::default()
    };
    tx.commit().await?;
    Ok(snapshot)
}

async fn bids(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<BidRow>> {
    let rows: Vec<(Uuid, Uuid, String, i64, i64)> = sqlx::query_as(
        "SELECT bid_id, auction_id, user_id, amount, sequence FROM bids ORDER BY auction_id, sequence",
    )
    .fetch_all(&mut **tx)
    .await?;
    let bid = |(bid_id, auction_id, user_id, amount, sequence)| BidRow {
        bid_id,
        auction_id,
        user_id,
        amount,
        sequence,
    };
    Ok(rows.into_iter().map(bid).collect())
}

async fn outbox(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<EventRow>> {
    let rows: Vec<(Uuid, String, i32, Uuid, i64, String, String)> = sqlx::query_as(
        "SELECT id, status, attempts, auction_id, sequence, event_type, payload::text
         FROM outbox_events ORDER BY position",
    )
    .fetch_all(&mut **tx)
    .await?;
    let event = |(id, status, attempts, auction_id, sequence, event_type, payload): (
        _,
        _,
        _,
        _,
        _,
        String,
        String,
    )| {
        EventRow {
            id,
            status,
            attempts,
            auction_id,
            sequence,
            payload: self::payload(&event_type, &payload),
        }
    };
    Ok(rows.into_iter().map(event).collect())
}

/// What an outbox row announces, or why that cannot be told.
pub(crate) fn payload(event_type: &str, payload: &str) -> Result<EventSeen, String> {
    let decoded = events::from_outbox(event_type, payload.as_bytes());
    decoded.map_err(|error| error.to_string()).and_then(seen)
}

async fn inbox(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<InboxRow>> {
    let rows: Vec<(Uuid, Uuid, i64, i64, bool)> = sqlx::query_as(
        "SELECT bid_id, auction_id, sequence, amount, applied_at IS NOT NULL FROM inbox ORDER BY auction_id, sequence",
    )
    .fetch_all(&mut **tx)
    .await?;
    let received = |(bid_id, auction_id, sequence, amount, applied)| InboxRow {
        bid_id,
        auction_id,
        sequence,
        amount,
        applied,
    };
    Ok(rows.into_iter().map(received).collect())
}

async fn standings(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<StandingRow>> {
    let rows: Vec<(Uuid, i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT auction_id, last_sequence, bid_count, highest_amount FROM standings ORDER BY auction_id",
    )
    .fetch_all(&mut **tx)
    .await?;
    let standing = |(auction_id, last_sequence, bid_count, highest_amount)| StandingRow {
        auction_id,
        last_sequence,
        bid_count,
        highest_amount,
    };
    Ok(rows.into_iter().map(standing).collect())
}

/// An event as the history keeps it, or what is wrong with it.
pub fn seen(event: BidPlaced) -> Result<EventSeen, String> {
    let id = |name: &str, text: &str| {
        text.parse()
            .map_err(|_| format!("{name} is {text:?}, no UUID"))
    };
    let at = event.timestamp.as_ref().ok_or("timestamp is missing")?;
    Ok(EventSeen {
        bid_id: id("bid_id", &event.bid_id)?,
        auction_id: id("auction_id", &event.auction_id)?,
        user_id: event.user_id.clone(),
        amount: event.amount,
        sequence: event.sequence,
        placed_at_us: at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000,
    })
}
