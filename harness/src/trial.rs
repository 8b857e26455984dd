//! One run of one scenario: arrange, drive, disturb, wait until quiet, look, judge.

mod gauge;
mod servers;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use uuid::Uuid;

pub use gauge::Gauge;
pub use servers::OwnServers;

use crate::{
    check,
    client::{self, Clients},
    fault::Fault,
    history::{self, BidAsked, Event, Recorder},
    injector::Injector,
    lab::Lab,
    ledger::Ledger,
    observer,
    report::RunSummary,
    scenario::{self, Scenario},
    system::{Place, System},
    witness::{self, Witness},
    workload::Plan,
};

const EXCHANGE: &str = "auction.events";
const DEAD_LETTER_QUEUE: &str = "auction.bids.dead";
/// Arranging, all faults and recovery together; a run that takes longer has hung.
const RUN_WITHIN: Duration = Duration::from_secs(180);
/// How long nothing may change before a run counts as quiet.
const QUIET_FOR: Duration = Duration::from_millis(300);
/// The broker's statistics are a second old, more on a busy machine.
const STATISTICS_WITHIN: Duration = Duration::from_secs(5);
/// Beyond the budget: how long to wait for what would have come, to tell late from lost.
const LATE: Duration = Duration::from_secs(5);

/// When everything stands still: how long the rest of the log may take to read.
const LEDGER_WITHIN: Duration = Duration::from_secs(10);

/// What is run.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Such as `recovery/broker_back`.
    pub name: String,
    /// The story.
    pub scenario: Scenario,
    /// Seeds the workload.
    pub seed: u64,
    /// Runs the same again.
    pub repeat_command: String,
}

/// Runs a trial into `folder`, and judges what it left there.
pub async fn run(
    lab: &Lab,
    trial: &Trial,
    folder: &Path,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<RunSummary> {
    tokio::fs::create_dir_all(folder)
        .await
        .with_context(|| format!("making the run's folder {}", folder.display()))?;
    let path = folder.join("history.jsonl");
    let recorder = Recorder::create(&path)?;
    recorder.record(Event::Begun {
        name: trial.name.clone(),
        seed: trial.seed,
        scenario: Box::new(trial.scenario.clone()),
        environment: lab.describe(),
    });
    let run = conduct(lab, trial, folder, &recorder, progress);
    let ended = timeout(RUN_WITHIN, run)
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the run did not end within {RUN_WITHIN:?}")));
    if let Err(error) = ended {
        recorder.record(Event::LabError {
            message: format!("{error:#}"),
        });
    }
    recorder.finish()?;
    progress("judging");
    judge(folder, trial.repeat_command.clone())
}

/// Judges a stored run.
pub fn judge(folder: &Path, repeat_command: String) -> Result<RunSummary> {
    let history = history::read(&folder.join("history.jsonl"))?;
    let judgement = check::all(&history);
    Ok(RunSummary::new(
        &history,
        &judgement,
        folder,
        repeat_command,
    ))
}

async fn conduct(
    lab: &Lab,
    trial: &Trial,
    folder: &Path,
    recorder: &Recorder,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let faults = Fault::all(&trial.scenario)?;
    let plan = Plan::new(&trial.scenario.workload, trial.seed)?;
    progress("arranging");
    let name = format!("run_{}", Uuid::now_v7().simple());
    let servers = OwnServers::prepare(lab, &faults, &name).await?;
    let pool = observers(&servers).await?;
    let ledger = Ledger::start(servers.database_url(), recorder.clone()).await?;
    for (auction, closed) in plan
        .open
        .iter()
        .map(|id| (*id, false))
        .chain([(plan.closed, true)])
    {
        client::create_auction(&pool, recorder, auction, closed).await?;
    }
    let witness = Witness::start(servers.amqp_url(), EXCHANGE.to_owned(), recorder.clone()).await?;
    let system = start(lab, &trial.scenario.system, &servers, folder, name).await?;
    servers
        .lanes_shared_by(trial.scenario.system.relays)
        .await?;
    let ended = disturb(
        &Stage {
            system: &system,
            servers: &servers,
            witness: &witness,
            pool: &pool,
            recorder,
        },
        trial,
        &faults,
        &plan,
        progress,
    )
    .await;
    system.stop().await;
    let tidied = system.remove_edges().await;
    drop(witness);
    pool.close().await;
    ended?;
    tidied?;
    ledger.finish(Instant::now() + LEDGER_WITHIN).await?;
    servers.remove(lab).await
}

async fn start(
    lab: &Lab,
    wanted: &scenario::System,
    servers: &OwnServers,
    folder: &Path,
    name: String,
) -> Result<System> {
    let place = Place {
        name,
        environment: lab.folder().to_owned(),
        folder: folder.to_owned(),
    };
    let wanted = wanted.clone().in_laboratory();
    System::start(&wanted, &servers.addresses(), Some(lab.control()), &place).await
}

/// A system that only stands there, to be played with.
pub async fn stand(lab: &Lab, folder: &Path, name: &str) -> Result<(System, OwnServers)> {
    tokio::fs::create_dir_all(folder).await?;
    let servers = OwnServers::prepare(lab, &[], name).await?;
    let system = start(
        lab,
        &scenario::System::default(),
        &servers,
        folder,
        name.to_owned(),
    )
    .await?;
    Ok((system, servers))
}

/// A run's parts, once they stand.
struct Stage<'r> {
    system: &'r System,
    servers: &'r OwnServers,
    witness: &'r Witness,
    pool: &'r PgPool,
    recorder: &'r Recorder,
}

async fn disturb(
    stage: &Stage<'_>,
    trial: &Trial,
    faults: &[Fault],
    plan: &Plan,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let clients = Clients::new(stage.system.apis(), stage.recorder.clone())?;
    let (gauge_in, gauge) = watch::channel(Gauge::default());
    let (over_in, over) = watch::channel(false);
    let (in_place, mut placed) = watch::channel(0);
    let at_start = faults
        .iter()
        .filter(|fault| fault.starts_with_workload())
        .count();
    let injector = Injector {
        system: stage.system,
        servers: stage.servers,
        recorder: stage.recorder,
        gauge: gauge.clone(),
        began: Instant::now(),
        in_place,
        workload_over: over,
    };
    progress("driving");
    let acts = async {
        let workload = async {
            // The sender lives in the injector, so that this cannot fail.
            let _ = placed.wait_for(|count| *count >= at_start).await;
            let unknown = clients.drive(&plan.steps).await;
            over_in.send_replace(true);
            unknown
        };
        let breaking = try_join_all(
            faults
                .iter()
                .enumerate()
                .map(|(index, fault)| injector.carry_out(index, fault)),
        );
        let (unknown, broken) = tokio::join!(workload, breaking);
        broken?;
        stage.recorder.record(Event::Healed);
        progress("recovering");
        settle(stage, trial, &clients, unknown, gauge.clone()).await
    };
    tokio::select! {
        ended = acts => ended?,
        never = gauge::watch(stage, gauge_in, faults) => never?,
    }
    let mut last = timeout(Duration::from_secs(20), observer::snapshot(stage.pool)).await??;
    last.last = true;
    last.dead_letters = witness::queue_length(&stage.servers.amqp_url(), DEAD_LETTER_QUEUE).await?;
    last.redelivered_to_consumer = redelivered(stage, &trial.scenario).await?;
    stage.recorder.record(Event::Snapshot(last));
    Ok(())
}

/// The broker's own count of repeated deliveries. It counts once a second, so where a scenario asks for them, they are
/// waited for.
async fn redelivered(stage: &Stage<'_>, scenario: &Scenario) -> Result<u64> {
    let fact = "redelivered_to_consumer";
    let asked = scenario.bites.contains_key(fact) || scenario.expect.facts.contains_key(fact);
    let deadline = Instant::now() + STATISTICS_WITHIN;
    loop {
        let count = stage.servers.redelivered_to_consumer().await?;
        if count > 0 || !asked || Instant::now() > deadline {
            return Ok(count);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends what nobody knows the fate of again, as a client would, and waits until the system is quiet.
async fn settle(
    stage: &Stage<'_>,
    trial: &Trial,
    clients: &Clients,
    unknown: Vec<BidAsked>,
    mut gauge: watch::Receiver<Gauge>,
) -> Result<()> {
    let healed = Instant::now();
    let budget = humantime::parse_duration(&trial.scenario.expect.recovered_within)
        .context("expect.recovered_within is no duration such as 5s")?;
    let deadline = healed + budget;
    let again = async {
        for bid in unknown {
            clients.place(bid).await;
        }
    };
    let in_time = timeout(budget + LATE, again).await.is_ok();
    let mut quiet_since: Option<(Instant, Gauge)> = None;
    while in_time && Instant::now() < deadline + LATE {
        let now = *gauge.borrow_and_update();
        if now.is_quiet() {
            let (since, before) = *quiet_since.get_or_insert((Instant::now(), now));
            if before != now {
                quiet_since = None;
            } else if since.elapsed() >= QUIET_FOR {
                let after = since.duration_since(healed);
                if since <= deadline {
                    stage.recorder.record(Event::Recovered {
                        after_ms: after.as_millis() as u64,
                    });
                } else {
                    not_recovered(stage.recorder, after, "quiet, but late".to_owned());
                }
                return Ok(());
            }
        } else {
            quiet_since = None;
        }
        // Counted many times a second, and not at all while the database is down.
        let _ = timeout_at(deadline + LATE, gauge.changed()).await;
    }
    not_recovered(stage.recorder, healed.elapsed(), gauge.borrow().to_string());
    Ok(())
}

fn not_recovered(recorder: &Recorder, waited: Duration, last_seen: String) {
    recorder.record(Event::NotRecovered {
        waited_ms: waited.as_millis() as u64,
        last_seen,
    });
}

async fn observers(servers: &OwnServers) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(5))
        .connect(&servers.database_url())
        .await
        .context("the observer could not connect to Postgres")
}
