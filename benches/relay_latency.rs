//! Commit → delivery, in calm and under faults: an open loop at a steady rate, stamped with the moment when each bid
//! should have been sent.

mod fault;
mod load;

use std::time::Duration;

use anyhow::Result;
use criterion::Criterion;
use tokio::time::sleep;

use crate::{
    arrival::Arrival,
    listener::{Listener, micros_now},
    site::{Cast, Site},
    stage::{self, Stage},
    timeline::Timeline,
};
use fault::Case;

const AUCTIONS: u64 = 1_000;
/// Bids a second over HTTP while something breaks.
const RATE: u32 = 150;
/// Before anything breaks.
const CALM: Duration = Duration::from_millis(1_500);
/// From the first bid to the last.
const SPAN: Duration = Duration::from_secs(6);
/// How long the steady load goes on.
const LOADED: Duration = Duration::from_secs(5);
/// The longest that anything may be late; a lease of three seconds has to run out once at most.
const LATE: Duration = Duration::from_secs(30);
/// Taken for the drain rate when that was not measured in this run.
const UNMEASURED: f64 = 12_000.0;

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut group = stage::group(criterion, "relay_latency");
    let mut bench = |figure: &'static str, once: &dyn Fn() -> Vec<Arrival>| {
        let name = stage::title(figure);
        group.bench_function(name, |bencher| {
            // Criterion is given the median.
            bencher.iter_custom(|rounds| {
                let one = || {
                    let arrivals = once();
                    stage.ledger.borrow_mut().latencies(figure, &arrivals)
                };
                (0..rounds).map(|_| one()).sum()
            });
        });
    };
    bench("latency/idle, commit to applied", &|| {
        stage.once("idle latency", async |site| idle(stage, site).await)
    });
    for (figure, share) in [
        ("latency/half the drain rate", 0.5),
        ("latency/a quarter of it", 0.25),
    ] {
        bench(figure, &|| {
            stage.once(figure, async |site| {
                loaded(stage, site, figure, share).await
            })
        });
    }
    for case in &fault::CASES {
        bench(case.figure, &|| {
            stage.once(case.figure, async |site| broken(stage, site, case).await)
        });
    }
    group.finish();
}

/// Few bids to a service as shipped. Both ends are the database's own commit times.
async fn idle(stage: &Stage, site: &Site<'_>) -> Result<Vec<Arrival>> {
    let auctions = site.open_auctions(AUCTIONS).await?;
    let system = site
        .start(Cast {
            apis: 1,
            relays: 1,
            consumers: 1,
        })
        .await?;
    let sent = load::bid(&system, &auctions, 50, Duration::from_secs(4)).await?;
    let committed = || async {
        let committed: Vec<(f64, f64, f64)> = sqlx::query_as(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(b.xmin))::float8,
                    extract(epoch FROM i.received_at)::float8,
                    extract(epoch FROM pg_xact_commit_timestamp(i.xmin))::float8
             FROM bids b JOIN inbox i USING (bid_id) WHERE i.applied_at IS NOT NULL",
        )
        .fetch_all(&site.pool)
        .await?;
        Ok((committed.len() == sent).then_some(committed))
    };
    let committed = stage::until("applying all bids", LATE, committed).await?;
    stage.strike(&system).await?;
    let mut ledger = stage.ledger.borrow_mut();
    let way = committed.iter().map(|(placed, begun, _)| begun - placed);
    ledger.note("idle/commit to the consumer's begin, ms", middle(way) * 1e3);
    let transaction = committed.iter().map(|(_, begun, applied)| applied - begun);
    ledger.note(
        "idle/the consumer's transaction, ms",
        middle(transaction) * 1e3,
    );
    let micros = |seconds: f64| (seconds * 1e6) as u64;
    Ok(committed
        .into_iter()
        .map(|(placed, _, applied)| Arrival {
            due: micros(placed),
            at: micros(applied),
        })
        .collect())
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A share of what one relay drains, written straight into the outbox: HTTP could not deliver that many.
async fn loaded(
    stage: &Stage,
    site: &Site<'_>,
    figure: &'static str,
    share: f64,
) -> Result<Vec<Arrival>> {
    let drain = stage.ledger.borrow().median("drain/one relay");
    let rate = drain.unwrap_or(UNMEASURED) * share;
    let system = site.start_relays(1).await?;
    let listener = Listener::start(site).await?;
    let expected = (rate * LOADED.as_secs_f64()) as u64;
    let append = load::append(&site.pool, rate, LOADED);
    let sent = stage.spend(figure, expected, append).await?;
    let arrivals = listener.take(sent, LATE).await?;
    stage.strike(&system).await?;
    Ok(arrivals)
}

/// A steady load over HTTP, with a fault in its middle.
async fn broken(stage: &Stage, site: &Site<'_>, case: &Case) -> Result<Vec<Arrival>> {
    let auctions = site.open_auctions(AUCTIONS).await?;
    let system = site
        .start_on_edges(Cast {
            apis: 1,
            relays: case.relays,
            ..Cast::default()
        })
        .await?;
    let listener = Listener::start(site).await?;
    let epoch = micros_now();
    let breaking = async {
        let Some(fault) = case.fault else {
            return anyhow::Ok(None);
        };
        sleep(CALM).await;
        let from = micros_now();
        fault(&system).await?;
        Ok(Some((from, micros_now())))
    };
    let (sent, fault) = tokio::join!(load::bid(&system, &auctions, RATE, SPAN), breaking);
    let arrivals = listener.take(sent?, LATE).await?;
    stage.timelines.borrow_mut().push(Timeline {
        figure: case.figure,
        epoch,
        fault: fault?,
        arrivals: arrivals.clone(),
    });
    stage.strike(&system).await?;
    Ok(arrivals)
}
