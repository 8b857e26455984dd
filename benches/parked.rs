//! A consumer beside bids that are parked: those of the auction whose gap is open, into which more are delivered all the time.

use std::time::Duration;

use anyhow::Result;
use uuid::Uuid;

use crate::{
    baseline::{self, Wire},
    consumer::{applied_in, until_applied},
    site::{Cast, Site},
    stage::Stage,
};

const DELIVERIES: u64 = 20_000;
/// Every so many-th goes to the auction with the gap: each batch has some.
const EVERY: usize = 50;
const GAP: Uuid = Uuid::from_u128(9_999);

/// How long a thousand deliveries take while so many bids are parked.
pub async fn beside_parked(stage: &Stage, site: &Site<'_>, parked: i64) -> Result<Duration> {
    sqlx::query(
        "INSERT INTO inbox (bid_id, auction_id, sequence, user_id, amount, placed_at)
         SELECT gen_random_uuid(), $1, n + 1, 'ann', 1000 + n, now() FROM generate_series(1, $2::bigint) AS n",
    )
    .bind(GAP)
    .bind(parked)
    .execute(&site.pool)
    .await?;
    sqlx::query("VACUUM ANALYZE inbox")
        .execute(&site.pool)
        .await?;
    let mut messages = Vec::new();
    for (at, message) in baseline::messages(DELIVERIES).into_iter().enumerate() {
        if at % EVERY == 0 {
            let place = parked + 2 + (at / EVERY) as i64;
            messages.push(baseline::message(GAP, place));
        }
        messages.push(message);
    }
    let wire = Wire::open(site).await?;
    wire.flood(&messages).await?;
    wire.close().await?;
    let system = site
        .start(Cast {
            consumers: 1,
            ..Cast::default()
        })
        .await?;
    until_applied(site, DELIVERIES).await?;
    let took = applied_in(site).await?;
    stage.strike(&system).await?;
    Ok(took.mul_f64(1_000.0 / DELIVERIES as f64))
}
