//! Auctions, created straight in the database, around all faults. The HTTP way has no wish for an id, and none for an auction
//! that is closed from the start.

use std::time::Duration;

use super::workload::STARTING_PRICE;
use crate::{
    history::{Key, Recorder},
    judge::auction::note::Note,
};

/// When an auction closes, as far as a run is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closes {
    /// Long before.
    Before,
    /// So long from now.
    In(Duration),
    /// Long after.
    After,
}

/// Creates one.
pub async fn create(
    pool: &sqlx::PgPool,
    recorder: &Recorder,
    key: u16,
    closes: Closes,
) -> sqlx::Result<()> {
    let key = Key::numbered(key);
    const DAY: f64 = 86_400.0;
    let seconds = match closes {
        Closes::Before => -DAY,
        Closes::In(span) => span.as_secs_f64(),
        Closes::After => DAY,
    };
    let closes_at_us: i64 = sqlx::query_scalar(
        "INSERT INTO auctions (auction_id, title, currency, starting_price, closes_at)
         VALUES ($1, 'Lot', 'EUR', $2, clock_timestamp() + $3 * interval '1 s')
         RETURNING (extract(epoch FROM closes_at) * 1000000)::bigint",
    )
    .bind(key.0)
    .bind(STARTING_PRICE)
    .bind(seconds)
    .fetch_one(pool)
    .await?;
    let created = Note::Created {
        key,
        starting_price: STARTING_PRICE,
        closed: closes == Closes::Before,
        closes_at_us: matches!(closes, Closes::In(_)).then_some(closes_at_us),
    };
    recorder.record(created.into());
    Ok(())
}
