//! A backlog drained, beside what broker and database could do alone and beside the textbook's relay.

use std::time::{Duration, Instant};

use anyhow::Result;
use criterion::Criterion;
use sqlx::{Connection, PgConnection};

use crate::{
    backlog::{self, EVEN, Spread},
    baseline::{self, Wire},
    stage::{self, Cast, Site, Stage},
};

const BACKLOG: u64 = 100_000;
/// The textbook is slow enough to be known after so many.
const TEXTBOOK: u64 = 1_500;
/// For the spreads over auctions.
const SMALL: u64 = 40_000;

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut group = stage::group(criterion, "relay_drain");
    stage.rate(&mut group, "drain/raw publish", BACKLOG, async |site| {
        let wire = Wire::open(site).await?;
        let took = wire.flood(&baseline::messages(BACKLOG)).await?;
        wire.close().await?;
        Ok(took)
    });
    stage.rate(&mut group, "drain/claim and mark", BACKLOG, async |site| {
        backlog::append(&site.pool, 0, BACKLOG as i64, EVEN).await?;
        let mut connection = baseline::relay_connection(site).await?;
        let began = Instant::now();
        baseline::claim_and_mark(&mut connection, usize::MAX).await?;
        let took = began.elapsed();
        connection.close().await?;
        Ok(took)
    });
    stage.rate(&mut group, "drain/textbook", TEXTBOOK, async |site| {
        backlog::append(&site.pool, 0, TEXTBOOK as i64, EVEN).await?;
        let wire = Wire::open(site).await?;
        let took = baseline::textbook(site, &wire, TEXTBOOK).await?;
        wire.close().await?;
        Ok(took)
    });
    stage.rate(&mut group, "drain/one relay", BACKLOG, async |site| {
        drain(stage, site, 1, BACKLOG, EVEN).await
    });
    stage.rate(&mut group, "drain/two relays", BACKLOG, async |site| {
        drain(stage, site, 2, BACKLOG, EVEN).await
    });
    // Beside `one relay`: an old snapshot keeps every dead row version in the table and its indexes.
    stage.rate(&mut group, "drain/xmin pinned", BACKLOG, async |site| {
        pinned(stage, site).await
    });
    group.finish();

    let mut group = stage::group(criterion, "auctions");
    let spreads = [
        ("drain/1 auction", 1, false),
        ("drain/100 auctions", 100, false),
        ("drain/10,000 auctions", 10_000, false),
        ("drain/half on one auction", 1_000, true),
    ];
    for (figure, auctions, hot) in spreads {
        stage.rate(&mut group, figure, SMALL, async |site| {
            drain(stage, site, 1, SMALL, Spread { auctions, hot }).await
        });
    }
    group.finish();
}

/// Starts idle relays, commits a backlog at once, and waits until the last event is marked.
async fn drain(
    stage: &Stage,
    site: &Site<'_>,
    relays: u32,
    events: u64,
    spread: Spread,
) -> Result<Duration> {
    let system = site
        .start(Cast {
            relays,
            ..Cast::default()
        })
        .await?;
    site.servers.lanes_shared_by(relays).await?;
    let since = backlog::append(&site.pool, 0, events as i64, spread).await?;
    let took = backlog::drained(&site.pool, since).await?;
    stage
        .ledger
        .borrow_mut()
        .peaks(&stage::strike(&system).await?);
    Ok(took)
}

/// The second of two backlogs, under a snapshot from before both.
async fn pinned(stage: &Stage, site: &Site<'_>) -> Result<Duration> {
    let mut old = PgConnection::connect(&site.servers.database_url()).await?;
    let mut snapshot = old
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await?;
    sqlx::query("SELECT count(*) FROM outbox_events")
        .execute(&mut *snapshot)
        .await?;
    let system = site
        .start(Cast {
            relays: 1,
            ..Cast::default()
        })
        .await?;
    site.servers.lanes_shared_by(1).await?;
    let half = BACKLOG as i64;
    let first = backlog::append(&site.pool, 0, half, EVEN).await?;
    backlog::drained(&site.pool, first).await?;
    let since = backlog::append(&site.pool, half, half, EVEN).await?;
    let took = backlog::drained(&site.pool, since).await?;
    stage
        .ledger
        .borrow_mut()
        .peaks(&stage::strike(&system).await?);
    snapshot.rollback().await?;
    old.close().await?;
    Ok(took)
}
