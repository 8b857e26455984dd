//! Deliveries applied, beside a consumer that acks everything and does nothing.

use std::time::Duration;

use anyhow::Result;
use criterion::Criterion;

use crate::{
    baseline::{self, Wire},
    rounds::Rounds,
    site::{Cast, Site},
    stage::{self, Stage},
};

const DELIVERIES: u64 = 50_000;
const APPLIED_WITHIN: Duration = Duration::from_secs(120);

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut rounds = Rounds::new(stage);
    rounds.add("consumer/bare", DELIVERIES, async move |site| {
        let wire = Wire::open(site).await?;
        wire.flood(&baseline::messages(DELIVERIES)).await?;
        let take = wire.take(DELIVERIES);
        let took = stage.spend("consumer/bare", DELIVERIES, take).await?;
        wire.close().await?;
        Ok(took)
    });
    rounds.add("consumer/applied", DELIVERIES, async move |site| {
        apply(stage, site).await
    });
    let mut group = stage::group(criterion, "consumer");
    rounds.bench(&mut group);
    group.finish();
}

/// Timed from the first event's application to the last one's: starting a process is not consuming.
async fn apply(stage: &Stage, site: &Site<'_>) -> Result<Duration> {
    let wire = Wire::open(site).await?;
    wire.flood(&baseline::messages(DELIVERIES)).await?;
    wire.close().await?;
    let start = site.start(Cast {
        consumers: 1,
        ..Cast::default()
    });
    let work = async {
        let system = start.await?;
        until_applied(site, DELIVERIES).await?;
        anyhow::Ok(system)
    };
    let system = stage.spend("consumer/applied", DELIVERIES, work).await?;
    let took = applied_in(site).await?;
    stage.strike(&system).await?;
    Ok(took)
}

/// Waits until so many bids are applied.
pub async fn until_applied(site: &Site<'_>, bids: u64) -> Result<()> {
    let applied = || async {
        let applied: i64 =
            sqlx::query_scalar("SELECT COALESCE(sum(bid_count), 0)::bigint FROM standings")
                .fetch_one(&site.pool)
                .await?;
        Ok((applied as u64 == bids).then_some(()))
    };
    stage::until("applying all that can be applied", APPLIED_WITHIN, applied).await
}

/// From the first of what was applied to the last.
pub async fn applied_in(site: &Site<'_>) -> Result<Duration> {
    let seconds: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM max(applied_at) - min(received_at))::float8 FROM inbox WHERE applied_at IS NOT NULL",
    )
    .fetch_one(&site.pool)
    .await?;
    Ok(Duration::from_secs_f64(seconds))
}
