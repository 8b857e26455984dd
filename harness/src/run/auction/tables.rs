//! The lab's own eyes on the database: counts while a run goes on, and the tables at one instant. Connects around all
//! faults, and only reads.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::{
    history::{EffectRow, Item, Key, OutboxRow, Snapshot},
    judge::auction::{bid::placed, contract, standing::StandingRow, told},
    run::gauge::Counts,
};

/// Counts.
pub async fn count(pool: &PgPool) -> sqlx::Result<Counts> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM bids) AS stored,
                count(*) FILTER (WHERE status = 'pending') AS waiting,
                count(*) FILTER (WHERE status = 'processing') AS held,
                count(*) FILTER (WHERE status = 'published') AS sent,
                count(*) FILTER (WHERE status = 'failed') AS given_up,
                count(*) FILTER (WHERE status = 'pending' AND EXISTS (
                    SELECT FROM outbox_events head
                    WHERE head.status = 'failed' AND head.auction_id = e.auction_id AND head.sequence < e.sequence)) AS behind,
                (SELECT count(*) FROM inbox WHERE applied_at IS NOT NULL) AS applied,
                (SELECT count(*) FROM inbox WHERE applied_at IS NULL) AS parked,
                (SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name LIKE 'outbox-api%' AND xact_start IS NOT NULL)
                    AS open_transactions
         FROM outbox_events e",
    )
    .fetch_one(pool)
    .await
}

/// The database's clock.
pub async fn now(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(pool)
        .await
}

/// How many bids placed until `then` still wait to be published or applied. What stands behind an event that was given up
/// waits for somebody else.
pub async fn waiting_since(pool: &PgPool, then: DateTime<Utc>) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*)
         FROM bids b
         LEFT JOIN inbox i USING (bid_id)
         LEFT JOIN outbox_events e ON e.auction_id = b.auction_id AND e.sequence = b.sequence
         WHERE b.placed_at <= $1
           AND (i.applied_at IS NULL OR e.status IN ('pending', 'processing'))
           AND NOT EXISTS (
               SELECT FROM outbox_events head
               WHERE head.status = 'failed' AND head.auction_id = b.auction_id AND head.sequence <= b.sequence)",
    )
    .bind(then)
    .fetch_one(pool)
    .await
}

/// The last applied place of each auction.
pub async fn places(pool: &PgPool) -> sqlx::Result<BTreeMap<Key, i64>> {
    let places: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT auction_id, last_sequence FROM standings")
            .fetch_all(pool)
            .await?;
    let keyed = |(auction_id, place)| (Key(auction_id), place);
    Ok(places.into_iter().map(keyed).collect())
}

/// Reads all tables in one REPEATABLE READ transaction.
pub async fn snapshot(pool: &PgPool) -> sqlx::Result<Snapshot> {
    let mut tx = pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let snapshot = Snapshot {
        stored: stored(&mut tx).await?,
        outbox: outbox(&mut tx).await?,
        effects: effects(&mut tx).await?,
        aside: standings(&mut tx).await?,
        ..Snapshot::default()
    };
    tx.commit().await?;
    Ok(snapshot)
}

/// A bid as tables have it.
#[derive(sqlx::FromRow)]
struct Row {
    bid_id: Uuid,
    auction_id: Uuid,
    user_id: String,
    amount: i64,
    sequence: i64,
    placed_at_us: i64,
}

impl From<Row> for Item {
    fn from(row: Row) -> Self {
        Self {
            id: row.bid_id,
            key: Key(row.auction_id),
            n: row.sequence,
            content: placed(row.user_id, row.amount, row.placed_at_us),
        }
    }
}

async fn stored(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<Item>> {
    let bids: Vec<Row> = sqlx::query_as(
        "SELECT bid_id, auction_id, user_id, amount, sequence,
                (extract(epoch FROM placed_at) * 1000000)::bigint AS placed_at_us
         FROM bids ORDER BY auction_id, sequence",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(bids.into_iter().map(Item::from).collect())
}

async fn outbox(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<OutboxRow>> {
    type Columns = (Uuid, String, i32, Uuid, i64, String, String);
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT id, status, attempts, auction_id, sequence, event_type, payload::text
         FROM outbox_events ORDER BY position",
    )
    .fetch_all(&mut **tx)
    .await?;
    let event = |(id, status, attempts, auction_id, n, event_type, payload): Columns| {
        let state = told::state(&status)
            .ok_or_else(|| sqlx::Error::Protocol(format!("event {id} is {status:?}")))?;
        Ok(OutboxRow {
            row: id.to_string(),
            state,
            attempts: u32::try_from(attempts).ok(),
            key: Key(auction_id),
            n,
            item: contract::payload(&event_type, &payload),
        })
    };
    rows.into_iter().map(event).collect()
}

async fn effects(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<EffectRow>> {
    #[derive(sqlx::FromRow)]
    struct Received {
        #[sqlx(flatten)]
        bid: Row,
        applied: bool,
    }
    let received: Vec<Received> = sqlx::query_as(
        "SELECT bid_id, auction_id, sequence, user_id, amount,
                (extract(epoch FROM placed_at) * 1000000)::bigint AS placed_at_us, applied_at IS NOT NULL AS applied
         FROM inbox ORDER BY auction_id, sequence",
    )
    .fetch_all(&mut **tx)
    .await?;
    let effect = |row: Received| EffectRow {
        item: row.bid.into(),
        times: u64::from(row.applied),
    };
    Ok(received.into_iter().map(effect).collect())
}

async fn standings(tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<Vec<serde_json::Value>> {
    let rows: Vec<StandingRow> = sqlx::query_as(
        "SELECT auction_id AS key, last_sequence, bid_count, highest_bid_id, highest_amount
         FROM standings ORDER BY auction_id",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
