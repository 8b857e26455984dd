//! Whether trouble stays where it is: a claim beside events that wait for a failed one, beside what other relays have to do,
//! and beside what an old snapshot keeps from being cleaned up; a consumer beside bids that wait for a gap to close.

use std::{cell::OnceCell, time::Duration};

use anyhow::{Context, Result};
use criterion::Criterion;
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    backlog::{self, EVEN, Spread},
    baseline,
    parked::beside_parked,
    site::Site,
    stage::{self, Stage},
};

/// What can be claimed while the trouble is there.
const HEALTHY: i64 = 20_000;
const CLAIMS: usize = 30;
/// A relay that begins looks into each lane from its beginning, until its second look has shown how far nothing can come any
/// more: what is dead there it walks over twice, and never again.
const FIRST_LOOKS: usize = 128;
/// Appended in one transaction.
const CHUNK: i64 = 250_000;
/// Beyond every healthy event.
const FAR: i64 = 100_000_000;

#[derive(Clone, Copy)]
enum Trouble {
    /// One auction's events wait for one that has failed.
    Held,
    /// Another relay owns half of the lanes, and does nothing.
    OtherLanes,
    /// What was published is still in every index.
    Dead,
}

/// What is timed.
#[derive(Clone, Copy)]
enum Timed {
    /// A claim beside trouble.
    Claim(Trouble),
    /// A consumer that applies beside parked bids.
    Apply,
}

use Timed::{Apply, Claim};

/// What is timed, and beside how much.
type Cell = (&'static str, Timed, i64);

const CELLS: [Cell; 12] = [
    ("trouble/claim, 0 held, ms", Claim(Trouble::Held), 0),
    (
        "trouble/claim, 100 k held, ms",
        Claim(Trouble::Held),
        100_000,
    ),
    (
        "trouble/claim, 1 M held, ms",
        Claim(Trouble::Held),
        1_000_000,
    ),
    (
        "trouble/claim, 0 of others, ms",
        Claim(Trouble::OtherLanes),
        0,
    ),
    (
        "trouble/claim, 100 k of others, ms",
        Claim(Trouble::OtherLanes),
        100_000,
    ),
    (
        "trouble/claim, 1 M of others, ms",
        Claim(Trouble::OtherLanes),
        1_000_000,
    ),
    ("trouble/claim, 0 dead, ms", Claim(Trouble::Dead), 0),
    (
        "trouble/claim, 100 k dead, ms",
        Claim(Trouble::Dead),
        100_000,
    ),
    (
        "trouble/claim, 1 M dead, ms",
        Claim(Trouble::Dead),
        1_000_000,
    ),
    ("trouble/a thousand applied, 0 parked, ms", Apply, 0),
    (
        "trouble/a thousand applied, 100 k parked, ms",
        Apply,
        100_000,
    ),
    (
        "trouble/a thousand applied, 1 M parked, ms",
        Apply,
        1_000_000,
    ),
];

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut group = stage::group(criterion, "trouble");
    for (figure, timed, size) in CELLS {
        if stage.quick && size > 100_000 {
            continue;
        }
        // Making the trouble takes far longer than the claims: it is made once, and Criterion is given what was measured.
        let known = OnceCell::new();
        group.bench_function(stage::title(figure), |bencher| {
            bencher.iter_custom(|rounds| {
                let took = known.get_or_init(|| {
                    stage.once(figure, async |site| {
                        let took = match timed {
                            Claim(trouble) => beside(site, trouble, size).await?,
                            Apply => beside_parked(stage, site, size).await?,
                        };
                        let ms = took.as_secs_f64() * 1_000.0;
                        stage.ledger.borrow_mut().note(figure, ms);
                        Ok(took)
                    })
                });
                *took * rounds as u32
            });
        });
    }
    group.finish();
}

/// The middle of the times that claims take beside the trouble.
async fn beside(site: &Site<'_>, trouble: Trouble, size: i64) -> Result<Duration> {
    let pool = &site.pool;
    let _snapshot = match trouble {
        Trouble::Dead => Some(old_snapshot(site).await?),
        _ => None,
    };
    match trouble {
        Trouble::Held => held(pool, size).await?,
        Trouble::OtherLanes => others(pool, size).await?,
        Trouble::Dead => dead(pool, size).await?,
    }
    let healthy = match trouble {
        // Half of them are in the other relay's lanes.
        Trouble::OtherLanes => 2 * HEALTHY,
        _ => HEALTHY,
    };
    backlog::append(pool, 0, healthy, EVEN).await?;
    sqlx::query("VACUUM ANALYZE outbox_events")
        .execute(pool)
        .await?;
    let mut connection = baseline::relay_connection(site).await?;
    let mut claims = baseline::claim_and_mark(&mut connection, FIRST_LOOKS, CLAIMS).await?;
    connection.close().await?;
    claims.sort_unstable();
    claims.get(claims.len() / 2).copied().context("no claims")
}

async fn fill(pool: &PgPool, size: i64, spread: Spread) -> Result<()> {
    let mut appended = 0;
    while appended < size {
        let chunk = CHUNK.min(size - appended);
        backlog::append(pool, FAR + appended, chunk, spread).await?;
        appended += chunk;
    }
    Ok(())
}

async fn held(pool: &PgPool, size: i64) -> Result<()> {
    let one = Spread {
        auctions: 1,
        hot: false,
    };
    fill(pool, size, one).await?;
    sqlx::query("UPDATE outbox_events SET held = true WHERE sequence > $1 + 1")
        .bind(FAR)
        .execute(pool)
        .await?;
    sqlx::query(
        "UPDATE outbox_events SET status = 'failed', processed_at = now() WHERE sequence = $1 + 1",
    )
    .bind(FAR)
    .execute(pool)
    .await?;
    Ok(())
}

async fn others(pool: &PgPool, size: i64) -> Result<()> {
    sqlx::query("UPDATE relay_lanes SET owner = $1, lease_until = 'infinity' WHERE lane < 32")
        .bind(Uuid::now_v7())
        .execute(pool)
        .await?;
    fill(pool, 2 * size, EVEN).await?;
    sqlx::query(
        "UPDATE outbox_events SET status = 'published', processed_at = now() WHERE lane >= 32",
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn old_snapshot(site: &Site<'_>) -> Result<PgConnection> {
    let mut connection = PgConnection::connect(&site.servers.database_url()).await?;
    sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut connection)
        .await?;
    sqlx::query("SELECT FROM outbox_events LIMIT 1")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

async fn dead(pool: &PgPool, size: i64) -> Result<()> {
    fill(pool, size, EVEN).await?;
    sqlx::query("UPDATE outbox_events SET status = 'published', processed_at = now()")
        .execute(pool)
        .await?;
    Ok(())
}
