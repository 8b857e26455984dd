//! Bids over HTTP, beside the same statements sent by `pgbench`: what the service adds to what Postgres costs.

use std::{
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use criterion::{Criterion, Throughput};
use tokio::{process::Command, task::JoinSet};
use uuid::Uuid;

use crate::{
    site::{Cast, Site},
    stage::{self, Stage},
};

const AUCTIONS: u64 = 1_000;
/// Clients, and the names of their figures.
const CLIENTS: [(u64, &str, &str); 3] = [
    (1, "intake/HTTP, 1 client", "intake/pgbench, 1 client"),
    (8, "intake/HTTP, 8 clients", "intake/pgbench, 8 clients"),
    (32, "intake/HTTP, 32 clients", "intake/pgbench, 32 clients"),
];

/// The service's transaction (`service/bids.rs`, `service/outbox/append.rs`), statement by statement.
const SCRIPT: &str = "\\set auction random(1, 1000)
BEGIN;
WITH locked AS MATERIALIZED (SELECT starting_price, highest_amount, closes_at FROM auctions WHERE auction_id = md5((:auction)::text)::uuid FOR UPDATE), clocked AS MATERIALIZED (SELECT starting_price, highest_amount, closes_at, clock_timestamp() AS now FROM locked) SELECT starting_price, highest_amount, now < closes_at AS open, now FROM clocked;
WITH drawn AS (UPDATE auctions SET last_sequence = last_sequence + 1, highest_amount = COALESCE(highest_amount, 100) + 1 WHERE auction_id = md5((:auction)::text)::uuid RETURNING last_sequence, highest_amount) INSERT INTO bids (bid_id, auction_id, user_id, amount, sequence, placed_at) SELECT gen_random_uuid(), md5((:auction)::text)::uuid, 'bidder', highest_amount, last_sequence, now() FROM drawn RETURNING sequence \\gset
WITH appended AS (INSERT INTO outbox_events (id, event_type, payload, auction_id, sequence, traceparent) VALUES (gen_random_uuid(), 'auction.v1.BidPlaced', jsonb_build_object('bidId', '0197f3a4-7a00-7000-8000-000000000000', 'userId', 'bidder', 'amount', '1000', 'timestamp', '2026-01-01T00:00:00Z', 'auctionId', md5((:auction)::text), 'sequence', (:sequence)::text), md5((:auction)::text)::uuid, :sequence, NULL)) SELECT pg_notify('outbox', '') WHERE EXISTS (SELECT FROM relays WHERE wants_ring);
COMMIT;
";

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut group = stage::group(criterion, "intake");
    let span = Duration::from_secs(if stage.quick { 2 } else { 4 });
    for (clients, over_http, by_pgbench) in CLIENTS {
        for (figure, http) in [(over_http, true), (by_pgbench, false)] {
            let name = stage::title(figure);
            group.throughput(Throughput::Elements(1));
            group.bench_function(name, |bencher| {
                // Criterion is given the time of one bid.
                bencher.iter_custom(|rounds| {
                    let one = || {
                        let rate = stage.once(figure, async |site| {
                            let auctions = site.open_auctions(AUCTIONS).await?;
                            if http {
                                bid(stage, site, auctions.into(), clients, span).await
                            } else {
                                pgbench(site, clients, span).await
                            }
                        });
                        stage.ledger.borrow_mut().note(figure, rate);
                        Duration::from_secs_f64(1.0 / rate)
                    };
                    (0..rounds).map(|_| one()).sum()
                });
            });
        }
    }
    group.finish();
}

/// Bids a second over HTTP, each client waiting for its answer before it bids again.
async fn bid(
    stage: &Stage,
    site: &Site<'_>,
    ids: Arc<[Uuid]>,
    clients: u64,
    span: Duration,
) -> Result<f64> {
    let system = site
        .start(Cast {
            apis: 1,
            ..Cast::default()
        })
        .await?;
    let url: Arc<str> = system.apis().remove(0).url.into();
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()?;
    let placed = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut bidders = JoinSet::new();
    for client in 0..clients {
        let (http, url, ids, placed) = (http.clone(), url.clone(), ids.clone(), placed.clone());
        bidders.spawn(async move {
            for turn in 0u64.. {
                if began.elapsed() >= span {
                    break;
                }
                // Auctions of its own, so that no bid is outbid on its way.
                let own = client + clients * (turn % (AUCTIONS / clients));
                let auction = ids[own as usize];
                let body = format!(
                    r#"{{"bid_id":"{}","user_id":"bidder","amount":{}}}"#,
                    Uuid::now_v7(),
                    1_000 + turn
                );
                let answer = http
                    .post(format!("{url}/auctions/{auction}/bids"))
                    .header("content-type", "application/json")
                    .body(body)
                    .send()
                    .await?;
                let status = answer.status();
                let text = answer.bytes().await?;
                if status != 201 {
                    bail!("{status}: {}", String::from_utf8_lossy(&text));
                }
                placed.fetch_add(1, Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = bidders.join_next().await {
        done??;
    }
    let rate = placed.load(Relaxed) as f64 / began.elapsed().as_secs_f64();
    stage.strike(&system).await?;
    Ok(rate)
}

/// Transactions a second by `pgbench`, prepared, on as many connections.
async fn pgbench(site: &Site<'_>, clients: u64, span: Duration) -> Result<f64> {
    let script = site.lab().folder().join(format!("{}.sql", site.name()));
    tokio::fs::write(&script, SCRIPT).await?;
    let output = program(site.postgres()?.programs())
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
        .arg(format!("--client={clients}"))
        .arg(format!("--time={}", span.as_secs()))
        .arg(format!("--file={}", script.display()))
        .arg(site.servers.database_url())
        .stdin(Stdio::null())
        .output()
        .await
        .context("running pgbench")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "pgbench failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rate = printed
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next())
        .with_context(|| format!("pgbench printed no rate: {printed}"))?;
    Ok(rate.parse()?)
}

/// The server's own `pgbench`, else the one on PATH.
fn program((folder, libraries): (&Path, Option<&std::ffi::OsStr>)) -> Command {
    let own = folder.join("pgbench");
    let mut command = if own.is_file() {
        Command::new(own)
    } else {
        Command::new("pgbench")
    };
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}
