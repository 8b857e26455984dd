//! Whether a claim costs the same however much waits, and how much memory a relay takes before a million events.

use std::time::Duration;

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
    group.bench_function("claim", |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| stage.once("claims", async |site| grow(stage, site).await))
                .sum()
        });
    });
    group.finish();
}

/// Claims at a hundred thousand, a million and ten million pending; then, beside ten million published. Criterion is
/// given the first.
async fn grow(stage: &Stage, site: &Site<'_>) -> Result<Duration> {
    let mut appended = 0;
    let mut first = Duration::ZERO;
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
        let took = median_claim(site).await?;
        stage
            .ledger
            .borrow_mut()
            .note(figure, took.as_secs_f64() * 1_000.0);
        if first.is_zero() {
            first = took;
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
        let took = median_claim(site).await?;
        stage.ledger.borrow_mut().note(
            "scale/claim beside 10 M published, ms",
            took.as_secs_f64() * 1_000.0,
        );
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

async fn median_claim(site: &Site<'_>) -> Result<Duration> {
    let mut connection = baseline::relay_connection(site).await?;
    let mut claims = baseline::claim_and_mark(&mut connection, CLAIMS).await?;
    connection.close().await?;
    claims.sort_unstable();
    Ok(claims[claims.len() / 2])
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
