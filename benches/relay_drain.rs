//! A backlog drained, beside what broker and database could do alone and beside the textbook's relay.

use std::time::{Duration, Instant};

use anyhow::Result;
use criterion::Criterion;
use sqlx::{Connection, PgConnection};

use crate::{
    backlog::{self, EVEN, Spread},
    baseline::{self, Wire},
    rounds::Rounds,
    site::Site,
    stage::{self, Stage},
};

/// The textbook is slow enough to be known after so many.
const TEXTBOOK: u64 = 1_000;

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let backlog = if stage.quick { 40_000 } else { 100_000 };
    let mut rounds = Rounds::new(stage);
    rounds.add("drain/raw publish", backlog, async move |site| {
        let wire = Wire::open(site).await?;
        let messages = baseline::messages(backlog);
        let flood = wire.flood(&messages);
        let took = stage.spend("drain/raw publish", backlog, flood).await?;
        wire.close().await?;
        Ok(took)
    });
    rounds.add("drain/one relay", backlog, async move |site| {
        drain(stage, site, "drain/one relay", 1, backlog, EVEN).await
    });
    rounds.add("drain/two relays", backlog, async move |site| {
        drain(stage, site, "drain/two relays", 2, backlog, EVEN).await
    });
    // An old snapshot keeps every dead row version in the table and its indexes.
    rounds.add("drain/xmin pinned", backlog, async move |site| {
        pinned(stage, site, backlog).await
    });
    rounds.add("drain/textbook", TEXTBOOK, async |site| {
        backlog::append(&site.pool, 0, TEXTBOOK as i64, EVEN).await?;
        let wire = Wire::open(site).await?;
        let took = baseline::textbook(site, &wire, TEXTBOOK).await?;
        wire.close().await?;
        Ok(took)
    });
    rounds.add("drain/claim and mark", backlog, async move |site| {
        backlog::append(&site.pool, 0, backlog as i64, EVEN).await?;
        let mut connection = baseline::relay_connection(site).await?;
        let began = Instant::now();
        let work = baseline::claim_and_mark(&mut connection, 0, usize::MAX);
        stage.spend("drain/claim and mark", backlog, work).await?;
        let took = began.elapsed();
        connection.close().await?;
        Ok(took)
    });
    let mut group = stage::group(criterion, "relay_drain");
    rounds.bench(&mut group);
    group.finish();

    let spreads = [
        ("auctions/1", 1, false),
        ("auctions/100", 100, false),
        ("auctions/10,000", 10_000, false),
        ("auctions/1,000, one with half of all bids", 1_000, true),
    ];
    let small = backlog / 2;
    let mut rounds = Rounds::new(stage);
    for (figure, auctions, hot) in spreads {
        rounds.add(figure, small, async move |site| {
            drain(stage, site, figure, 1, small, Spread { auctions, hot }).await
        });
    }
    let mut group = stage::group(criterion, "auctions");
    rounds.bench(&mut group);
    group.finish();
}

/// Starts idle relays, commits a backlog at once, and waits until the last event is marked.
async fn drain(
    stage: &Stage,
    site: &Site<'_>,
    figure: &'static str,
    relays: u32,
    events: u64,
    spread: Spread,
) -> Result<Duration> {
    let system = site.start_relays(relays).await?;
    let since = backlog::append(&site.pool, 0, events as i64, spread).await?;
    let drained = backlog::drained(&site.pool, since);
    let took = stage.spend(figure, events, drained).await?;
    stage.strike(&system).await?;
    Ok(took)
}

/// The second of two backlogs, under a snapshot from before both.
async fn pinned(stage: &Stage, site: &Site<'_>, backlog: u64) -> Result<Duration> {
    let mut old = PgConnection::connect(&site.servers.database_url()).await?;
    let mut snapshot = old
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await?;
    sqlx::query("SELECT count(*) FROM outbox_events")
        .execute(&mut *snapshot)
        .await?;
    let system = site.start_relays(1).await?;
    let half = backlog as i64;
    let first = backlog::append(&site.pool, 0, half, EVEN).await?;
    backlog::drained(&site.pool, first).await?;
    let since = backlog::append(&site.pool, half, half, EVEN).await?;
    let took = backlog::drained(&site.pool, since).await?;
    stage.strike(&system).await?;
    snapshot.rollback().await?;
    old.close().await?;
    Ok(took)
}
