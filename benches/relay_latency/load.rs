//! Bids at a steady rate, each named after the moment when it is due.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use outbox_harness::system::System;
use outbox_service::events::BidPlaced;
use sqlx::PgPool;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use uuid::Uuid;

use super::{AUCTIONS, LATE};
use crate::listener::{due_id, micros_now};

/// How often the writer of events commits.
const TICK: Duration = Duration::from_millis(5);
/// Transactions of the writer that may be open at once.
const WRITERS: usize = 4;
/// A client's pause before it asks again.
const AGAIN: Duration = Duration::from_millis(20);

/// Sends bids when they are due, however slow the answers are, and each again until it is known to be placed. Returns how
/// many.
pub async fn bid(system: &System, auctions: &[Uuid], rate: u32, span: Duration) -> Result<usize> {
    let url = system.apis().remove(0).url;
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build()?;
    let count = (f64::from(rate) * span.as_secs_f64()) as u64;
    let (start, epoch) = (Instant::now(), micros_now());
    let mut under_way = JoinSet::new();
    for n in 0..count {
        let offset = Duration::from_secs_f64(n as f64 / f64::from(rate));
        sleep_until(start + offset).await;
        let id = due_id(epoch + offset.as_micros() as u64, n);
        let auction = auctions[(n % AUCTIONS) as usize];
        let request = http
            .post(format!("{url}/auctions/{auction}/bids"))
            .header("content-type", "application/json")
            .body(format!(
                r#"{{"bid_id":"{id}","user_id":"bidder","amount":{}}}"#,
                1_000 + n
            ));
        under_way.spawn(placed(request));
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    Ok(count as usize)
}

async fn placed(request: reqwest::RequestBuilder) -> Result<()> {
    let deadline = Instant::now() + LATE;
    loop {
        let again = request.try_clone().context("a body that streams")?;
        let last = match again.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!("{}", answer.status()),
            Err(error) => format!("{error}"),
        };
        if Instant::now() > deadline {
            bail!("a bid was not placed within {LATE:?}: {last}");
        }
        sleep(AGAIN).await;
    }
}

/// Writes events straight into the outbox, `rate` a second: HTTP could not deliver that many. Returns how many.
pub async fn append(pool: &PgPool, rate: f64, span: Duration) -> Result<usize> {
    let each = (rate * TICK.as_secs_f64()).round().max(1.0) as u64;
    let ticks = (span.as_secs_f64() / TICK.as_secs_f64()) as u64;
    let start = Instant::now();
    let epoch = micros_now();
    let places = Arc::new(Semaphore::new(WRITERS));
    let mut under_way = JoinSet::new();
    for tick in 0..ticks {
        let offset = TICK * tick as u32;
        sleep_until(start + offset).await;
        let due = epoch + offset.as_micros() as u64;
        let (place, pool) = (places.clone().acquire_owned().await?, pool.clone());
        under_way.spawn(async move {
            let _place = place;
            transact(&pool, due, tick * each, each).await
        });
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    Ok((ticks * each) as usize)
}

async fn transact(pool: &PgPool, due: u64, first: u64, count: u64) -> Result<()> {
    let (mut ids, mut payloads, mut auctions, mut sequences) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in first..first + count {
        let auction = Uuid::from_u128(u128::from(n % AUCTIONS) + 1);
        let sequence = (n / AUCTIONS + 1) as i64;
        let event = BidPlaced {
            bid_id: due_id(due, n).to_string(),
            user_id: format!("bidder-{}", n % 500),
            amount: 1_000 + n as i64,
            timestamp: Some(chrono::Utc::now().into()),
            auction_id: auction.to_string(),
            sequence,
        };
        ids.push(Uuid::now_v7());
        payloads.push(serde_json::to_string(&event)?);
        auctions.push(auction);
        sequences.push(sequence);
    }
    sqlx::query(
        // The transaction has its id before a position is drawn, as in the service.
        "WITH begun AS MATERIALIZED (
             SELECT pg_current_xact_id() AS id
         ), appended AS (
             INSERT INTO outbox_events (id, event_type, payload, auction_id, sequence)
             SELECT e.id, 'auction.v1.BidPlaced', payload::jsonb, auction_id, sequence
             FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[]) AS e (id, payload, auction_id, sequence), begun
             WHERE begun.id IS NOT NULL
         )
         SELECT pg_notify('outbox', '') WHERE EXISTS (SELECT FROM relays WHERE wants_ring)",
    )
    .bind(ids)
    .bind(payloads)
    .bind(auctions)
    .bind(sequences)
    .execute(pool)
    .await?;
    Ok(())
}
