//! What the service costs while nothing happens: statements by Postgres' own log, processor time by the kernel's count.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use criterion::Criterion;
use tokio::time::sleep;

use crate::{
    site::{Cast, Site},
    stage::{self, Stage},
};

/// Start-up is over after this.
const SETTLED: Duration = Duration::from_secs(2);

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut group = stage::group(criterion, "idle");
    group.bench_function("service", |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| stage.once("idling", async |site| idle(stage, site).await))
                .sum()
        });
    });
    group.finish();
}

/// One process a role as shipped, each by itself: the busiest one counts. Criterion is given its processor time a second.
async fn idle(stage: &Stage, site: &Site<'_>) -> Result<Duration> {
    let log = site.postgres()?.log();
    let database = site.name();
    // Every session from now on writes a line for each statement.
    let alter = format!("ALTER DATABASE {database} SET log_statement = 'all'");
    sqlx::query(sqlx::AssertSqlSafe(alter))
        .execute(&site.pool)
        .await?;
    let span = Duration::from_secs(if stage.quick { 4 } else { 20 });
    let (mut most_statements, mut most_cpu) = (0f64, 0f64);
    let one = |apis, relays, consumers| Cast {
        apis,
        relays,
        consumers,
    };
    for cast in [one(1, 0, 0), one(0, 1, 0), one(0, 0, 1)] {
        let system = site.start(cast).await?;
        sleep(SETTLED).await;
        let member = system.members().first().context("one process")?;
        let (statements, cpu) = (statements(&log).await?, member.usage().await?.cpu);
        sleep(span).await;
        let statements = (self::statements(&log).await? - statements) as f64 / span.as_secs_f64();
        let cpu = (member.usage().await?.cpu - cpu).as_secs_f64() / span.as_secs_f64();
        most_statements = most_statements.max(statements);
        most_cpu = most_cpu.max(cpu);
        stage.strike(&system).await?;
    }
    let mut ledger = stage.ledger.borrow_mut();
    ledger.note("idle/statements a second", most_statements);
    ledger.note("idle/CPU percent", most_cpu * 100.0);
    Ok(Duration::from_secs_f64(most_cpu.max(1e-9)))
}

/// Lines of the log that are statements.
async fn statements(log: &Path) -> Result<usize> {
    let text = tokio::fs::read_to_string(log)
        .await
        .with_context(|| format!("reading {}", log.display()))?;
    let is_statement =
        |line: &&str| line.contains("LOG:  statement:") || line.contains("LOG:  execute ");
    Ok(text.lines().filter(is_statement).count())
}
