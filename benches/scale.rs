//! Whether a claim costs the same however much waits, and how much memory a relay takes before a million events.

use std::{cell::OnceCell, time::Duration};

use anyhow::Result;
use criterion::Criterion;
use sqlx::{Connection, PgPool};

use crate::{
    backlog::{self, EVEN},
    baseline,
    site::Site,
    stage::{self, Stage},
};

/// Claims that are timed at each size.
const CLAIMS: usize = 40;
/// Appended in one transaction.
const CHUNK: i64 = 250_000;

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut group = stage::group(criterion, "scale");
    // Making ten million events takes minutes, so they are made once, and Criterion is given one claim after the other.
    let known = OnceCell::new();
    let mut next = 0;
    group.bench_function("claim", |bencher| {
        bencher.iter_custom(|rounds| {
            let claims: &Vec<Duration> =
                known.get_or_init(|| stage.once("claims", async |site| grow(stage, site).await));
            (0..rounds)
                .map(|_| {
                    next += 1;
                    claims[next % claims.len()]
                })
                .sum()
        });
    });
    group.finish();
}

/// Claims at a hundred thousand, a million and ten million pending; then, beside ten million published. Returns the first
/// ones.
async fn grow(stage: &Stage, site: &Site<'_>) -> Result<Vec<Duration>> {
    let mut appended = 0;
    let mut first = Vec::new();
    let sizes: &[(i64, &'static str)] = if stage.quick {
        &[
            (100_000, "scale/claim at 100 k, ms"),
            (1_000_000, "scale/claim at 1 M, ms"),
        ]
    } else {
        &[
            (100_000, "scale/claim at 100 k, ms"),
            (1_000_000, "scale/claim at 1 M, ms"),
            (10_000_000, "scale/claim at 10 M, ms"),
        ]
    };
    for (size, figure) in sizes {
        fill(&site.pool, &mut appended, *size).await?;
        let claims = claims(stage, site, figure).await?;
        if first.is_empty() {
            first = claims;
        }
        if *size == 1_000_000 {
            memory(stage, site).await?;
        }
    }
    if !stage.quick {
        sqlx::query(
            "UPDATE outbox_events SET status = 'published', processed_at = clock_timestamp() WHERE status = 'pending'",
        )
        .execute(&site.pool)
        .await?;
        sqlx::query("VACUUM ANALYZE outbox_events")
            .execute(&site.pool)
            .await?;
        let size = appended + 100_000;
        fill(&site.pool, &mut appended, size).await?;
        claims(stage, site, "scale/claim beside 10 M published, ms").await?;
    }
    Ok(first)
}

async fn fill(pool: &PgPool, appended: &mut i64, size: i64) -> Result<()> {
    while *appended < size {
        let chunk = CHUNK.min(size - *appended);
        backlog::append(pool, *appended, chunk, EVEN).await?;
        *appended += chunk;
    }
    // What autovacuum does within a minute in a table that lives.
    sqlx::query("VACUUM ANALYZE outbox_events")
        .execute(pool)
        .await?;
    Ok(())
}

/// Times claims, and notes the middle one.
async fn claims(stage: &Stage, site: &Site<'_>, figure: &'static str) -> Result<Vec<Duration>> {
    let mut connection = baseline::relay_connection(site).await?;
    let claims = baseline::claim_and_mark(&mut connection, 0, CLAIMS).await?;
    connection.close().await?;
    let mut sorted = claims.clone();
    sorted.sort_unstable();
    let middle = sorted[sorted.len() / 2].as_secs_f64();
    stage.ledger.borrow_mut().note(figure, middle * 1_000.0);
    Ok(claims)
}

/// A relay at work on a million events for a few seconds.
async fn memory(stage: &Stage, site: &Site<'_>) -> Result<()> {
    let system = site.start_relays(1).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let peaks = stage.strike(&system).await?;
    if let Some(peak) = peaks.get("relay") {
        let mut ledger = stage.ledger.borrow_mut();
        ledger.note("memory/relay with 1 M waiting, MiB", *peak);
    }
    Ok(())
}
