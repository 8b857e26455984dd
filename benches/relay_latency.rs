//! Commit → delivery, in calm and under faults: an open loop at a steady rate, stamped with the moment when each bid
//! should have been sent.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use anyhow::{Result, anyhow, bail};
use criterion::Criterion;
use outbox_harness::{
    edge::{Direction, Toxic},
    fault::{Party, Role, Server},
    system::System,
};
use outbox_service::events::BidPlaced;
use sqlx::PgPool;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use uuid::Uuid;

use crate::{
    listener::{Arrival, Listener, due_id, micros_now},
    stage::{self, Cast, Site, Stage},
    timeline::Timeline,
};

const AUCTIONS: u64 = 1_000;
/// Bids a second over HTTP while something breaks.
const RATE: u32 = 150;
const CALM: Duration = Duration::from_millis(1_500);
const BROKEN: Duration = Duration::from_secs(2);
/// From the first bid to the last.
const SPAN: Duration = Duration::from_secs(6);
/// The longest that anything may be late; a lease of three seconds has to run out once at most.
const LATE: Duration = Duration::from_secs(30);
/// How long the steady load goes on.
const LOADED: Duration = Duration::from_secs(5);
/// Taken for the drain rate when that was not measured in this run.
const UNMEASURED: f64 = 12_000.0;
/// How often the writer of the steady load commits.
const TICK: Duration = Duration::from_millis(5);
/// Transactions of the steady load that may be open at once.
const WRITERS: usize = 4;

/// What breaks, as a future that ends when it is whole again.
type Breaking<'s> = Pin<Box<dyn Future<Output = Result<()>> + 's>>;

struct Case {
    figure: &'static str,
    relays: u32,
    fault: for<'s> fn(&'s System) -> Breaking<'s>,
}

const CASES: [Case; 6] = [
    Case {
        figure: "latency/nothing",
        relays: 1,
        fault: |_| Box::pin(sleep_then_ok()),
    },
    Case {
        figure: "latency/broker 20 ms away",
        relays: 1,
        fault: |system| {
            let far = Toxic::Latency {
                latency: Duration::from_millis(20),
                jitter: Duration::ZERO,
            };
            Box::pin(poison(system, RELAY_TO_BROKER, far, Direction::Replies))
        },
    },
    Case {
        figure: "latency/broker link 40 kB a second",
        relays: 1,
        fault: |system| {
            let narrow = Toxic::Bandwidth { kb_per_s: 40 };
            Box::pin(poison(system, RELAY_TO_BROKER, narrow, Direction::Requests))
        },
    },
    Case {
        figure: "latency/broker flapping",
        relays: 1,
        fault: |system| Box::pin(flap(system)),
    },
    Case {
        figure: "latency/relay killed each second",
        relays: 2,
        fault: |system| Box::pin(kill(system)),
    },
    Case {
        figure: "latency/Postgres 5 ms away",
        relays: 1,
        fault: |system| {
            let far = Toxic::Latency {
                latency: Duration::from_millis(5),
                jitter: Duration::ZERO,
            };
            Box::pin(poison(system, RELAY_TO_POSTGRES, far, Direction::Replies))
        },
    },
];

const RELAY: Party = Party {
    role: Role::Relay,
    number: None,
};
const RELAY_TO_BROKER: (Party, Server) = (RELAY, Server::RabbitMq);
const RELAY_TO_POSTGRES: (Party, Server) = (RELAY, Server::Postgres);

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let mut group = stage::group(criterion, "relay_latency");
    let mut bench = |figure: &'static str, once: &dyn Fn() -> Vec<Arrival>| {
        let name = figure.rsplit('/').next().unwrap_or(figure);
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
            stage.once(figure, async |site| loaded(stage, site, share).await)
        });
    }
    for case in &CASES {
        bench(case.figure, &|| {
            stage.once(case.figure, async |site| broken(stage, site, case).await)
        });
    }
    group.finish();
}

/// Few bids to a service as shipped. Both ends are the database's own commit times.
async fn idle(stage: &Stage, site: &Site<'_>) -> Result<Vec<Arrival>> {
    let auctions = auctions(&site.pool).await?;
    let system = site
        .start(Cast {
            apis: 1,
            relays: 1,
            consumers: 1,
            ..Cast::default()
        })
        .await?;
    site.servers.lanes_shared_by(1).await?;
    let sent = bid(&system, &auctions, 50, Duration::from_secs(4)).await?;
    let deadline = Instant::now() + LATE;
    let committed = loop {
        let committed: Vec<(f64, f64)> = sqlx::query_as(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(b.xmin))::float8,
                    extract(epoch FROM pg_xact_commit_timestamp(i.xmin))::float8
             FROM bids b JOIN inbox i USING (bid_id) WHERE i.applied_at IS NOT NULL",
        )
        .fetch_all(&site.pool)
        .await?;
        if committed.len() == sent {
            break committed;
        }
        if Instant::now() > deadline {
            bail!(
                "{} of {sent} bids were applied within {LATE:?}",
                committed.len()
            );
        }
        sleep(Duration::from_millis(50)).await;
    };
    stage.strike(&system).await?;
    let micros = |seconds: f64| (seconds * 1e6) as u64;
    Ok(committed
        .into_iter()
        .map(|(placed, applied)| Arrival {
            due: micros(placed),
            at: micros(applied),
        })
        .collect())
}

/// A share of what one relay drains, written straight into the outbox: HTTP could not deliver that many.
async fn loaded(stage: &Stage, site: &Site<'_>, share: f64) -> Result<Vec<Arrival>> {
    let drain = stage.ledger.borrow().median("drain/one relay");
    let rate = drain.unwrap_or(UNMEASURED) * share;
    let system = site
        .start(Cast {
            relays: 1,
            ..Cast::default()
        })
        .await?;
    site.servers.lanes_shared_by(1).await?;
    let listener = Listener::start(site).await?;
    let each = (rate * TICK.as_secs_f64()).round().max(1.0) as u64;
    let ticks = (LOADED.as_secs_f64() / TICK.as_secs_f64()) as u64;
    let start = Instant::now();
    let epoch = micros_now();
    let places = Arc::new(Semaphore::new(WRITERS));
    let mut under_way = JoinSet::new();
    for tick in 0..ticks {
        let offset = TICK * tick as u32;
        sleep_until(start + offset).await;
        let due = epoch + offset.as_micros() as u64;
        let (place, pool) = (places.clone().acquire_owned().await?, site.pool.clone());
        under_way.spawn(async move {
            let _place = place;
            append(&pool, due, tick * each, each).await
        });
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    let arrivals = listener.take((ticks * each) as usize, LATE).await?;
    stage.strike(&system).await?;
    Ok(arrivals)
}

async fn append(pool: &PgPool, due: u64, first: u64, count: u64) -> Result<()> {
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
        "WITH appended AS (
             INSERT INTO outbox_events (id, event_type, payload, auction_id, sequence)
             SELECT id, 'auction.v1.BidPlaced', payload::jsonb, auction_id, sequence
             FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[]) AS e (id, payload, auction_id, sequence)
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

/// A steady load over HTTP, with a fault in its middle.
async fn broken(stage: &Stage, site: &Site<'_>, case: &Case) -> Result<Vec<Arrival>> {
    let auctions = auctions(&site.pool).await?;
    let system = site
        .start_on_edges(Cast {
            apis: 1,
            relays: case.relays,
            ..Cast::default()
        })
        .await?;
    site.servers.lanes_shared_by(case.relays).await?;
    let listener = Listener::start(site).await?;
    let epoch = micros_now();
    let breaking = async {
        sleep(CALM).await;
        let from = micros_now();
        (case.fault)(&system).await?;
        anyhow::Ok((from, micros_now()))
    };
    let (sent, window) = tokio::join!(bid(&system, &auctions, RATE, SPAN), breaking);
    let arrivals = listener.take(sent?, LATE).await?;
    let (from, to) = window?;
    let broken = case.figure != "latency/nothing";
    stage.timelines.borrow_mut().push(Timeline {
        figure: case.figure,
        epoch,
        fault: broken.then_some((from, to)),
        arrivals: arrivals.clone(),
    });
    stage.strike(&system).await?;
    Ok(arrivals)
}

async fn auctions(pool: &PgPool) -> Result<Arc<[Uuid]>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO auctions (auction_id, title, currency, starting_price, closes_at)
         SELECT md5(n::text)::uuid, 'A lamp', 'EUR', 100, now() + interval '1 day'
         FROM generate_series(1, $1) AS n RETURNING auction_id",
    )
    .bind(AUCTIONS as i64)
    .fetch_all(pool)
    .await?;
    Ok(ids.into())
}

/// Sends bids when they are due, however slow the answers are, and each again until it is known to be placed. Returns how
/// many.
async fn bid(system: &System, auctions: &[Uuid], rate: u32, span: Duration) -> Result<usize> {
    let url = system.apis().remove(0);
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
        let again = request
            .try_clone()
            .ok_or_else(|| anyhow!("a body that streams"))?;
        let last = match again.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!("{}", answer.status()),
            Err(error) => format!("{error}"),
        };
        if Instant::now() > deadline {
            bail!("a bid was not placed within {LATE:?}: {last}");
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn sleep_then_ok() -> Result<()> {
    sleep(BROKEN).await;
    Ok(())
}

async fn poison(
    system: &System,
    (from, to): (Party, Server),
    toxic: Toxic,
    direction: Direction,
) -> Result<()> {
    let links = system.links_of(from, server(to))?;
    for link in &links {
        link.edge().add(toxic, direction, 1.0).await?;
    }
    sleep(BROKEN).await;
    for link in links {
        link.edge().heal().await?;
    }
    Ok(())
}

/// Twice a third of a second away.
async fn flap(system: &System) -> Result<()> {
    let links = system.links_of(RELAY, server(Server::RabbitMq))?;
    for _ in 0..2 {
        for link in &links {
            link.edge().cut().await?;
        }
        sleep(Duration::from_millis(333)).await;
        for link in &links {
            link.edge().heal().await?;
        }
        sleep(Duration::from_millis(667)).await;
    }
    Ok(())
}

/// The first of two relays, twice, and started again at once.
async fn kill(system: &System) -> Result<()> {
    let first = Party {
        role: Role::Relay,
        number: Some(1),
    };
    for _ in 0..2 {
        for relay in system.members_of(first)? {
            relay.kill().await?;
            relay.start().await?;
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

fn server(server: Server) -> Party {
    Party {
        role: Role::Server(server),
        number: None,
    }
}
