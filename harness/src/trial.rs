//! One run of one scenario: arrange, drive, disturb, wait until quiet, look, judge.

mod canary;
mod course;
mod desk;
mod ending;
mod gauge;
mod letters;
mod meters;
mod reach;
mod recovery;
mod refusal;
mod servers;
mod spoil;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

pub use gauge::Gauge;
pub use recovery::Heal;
pub use servers::OwnServers;

use crate::{
    causes::Causes,
    check,
    client::{self, Closes},
    fault::Fault,
    history::{self, Event, Recorder},
    lab::Lab,
    ledger::Ledger,
    report::RunSummary,
    scenario::{self, Scenario},
    system::{PROCESSES, Place, System},
    witness::Witness,
    workload::Plan,
};

const EXCHANGE: &str = "auction.events";
/// The consumer's queue, as the service names it by default.
const QUEUE: &str = "auction.bids";
/// Arranging, all faults and recovery together; a run that takes longer has hung.
const RUN_WITHIN: Duration = Duration::from_secs(180);

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

impl Trial {
    /// What its edges' names begin with: the same in every run of it, for the lab's own Toxiproxy draws its jitter from a
    /// proxy's name. Each lab has a Toxiproxy of its own, and runs a scenario once with a seed.
    fn edges(&self) -> String {
        let plain = |sign: char| match sign {
            sign if sign.is_ascii_alphanumeric() || sign == '_' => sign,
            _ => '-',
        };
        let name: String = self.name.chars().map(plain).collect();
        format!("{name}-{}", self.seed)
    }
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
        format: history::FORMAT,
        lab: env!("CARGO_PKG_VERSION").to_owned(),
        began_at_us: lab.shares_our_clock().then(|| recorder.began_at_us()),
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
            message: Causes(&error).to_string(),
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
    for auction in &plan.open {
        client::create_auction(&pool, recorder, *auction, Closes::After).await?;
    }
    client::create_auction(&pool, recorder, plan.closed, Closes::Before).await?;
    let witness = Witness::start(servers.amqp_url(), EXCHANGE.to_owned(), recorder.clone()).await?;
    let system = start(lab, &trial.scenario.system, &servers, folder, trial.edges()).await?;
    let stage = Stage {
        system: &system,
        servers: &servers,
        witness: &witness,
        pool: &pool,
        recorder,
    };
    let relays = trial.scenario.system.relays;
    if let Some(what) = servers.lanes_not_shared_by(relays).await? {
        recorder.record(Event::Owed { what });
    }
    let ended = course::perform(&stage, trial, &faults, &plan, progress).await;
    system.stop(&PROCESSES).await;
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
    System::start(wanted, &servers.addresses(), Some(lab.control()), &place).await
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

impl Stage<'_> {
    /// Records which processes ended and should not have, or not so.
    async fn report_deaths(&self) {
        for member in self.system.members() {
            if let Some(status) = member.death().await {
                self.recorder.record(Event::Died {
                    process: member.name(),
                    status,
                });
            }
        }
    }
}

async fn observers(servers: &OwnServers) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(5))
        .connect(&servers.database_url())
        .await
        .context("the observer could not connect to Postgres")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(name: &str, seed: u64) -> String {
        let text = "story = 'told'\n[workload]\nauctions = 1\nbids = '1 at once'\n";
        let trial = Trial {
            name: name.to_owned(),
            scenario: toml::from_str(text).unwrap(),
            seed,
            repeat_command: String::new(),
        };
        trial.edges()
    }

    #[test]
    fn a_history_that_was_kept_is_judged_again_and_again_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&folder.path().join("history.jsonl")).unwrap();
        let told = check::Story::clean().history();
        // `finish` adds the last one, `Ended`.
        let events = told.events().take(told.entries().len() - 1);
        events.for_each(|event| recorder.record(event.clone()));
        recorder.finish().unwrap();
        let judged = || judge(folder.path(), "lab check".to_owned()).unwrap();
        assert_eq!(judged().verdict, crate::verdict::Verdict::Pass);
        assert_eq!(judged(), judged());
    }

    #[test]
    fn evidence_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        std::fs::write(&path, "evidence").unwrap();
        let said = Recorder::create(&path).unwrap_err().to_string();
        assert!(said.starts_with("cannot create the history"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "evidence");
    }

    #[test]
    fn a_repeated_run_has_the_same_edges_and_so_the_same_jitter() {
        assert_eq!(edges("recovery/slow_link", 7), "recovery-slow_link-7");
        assert_eq!(
            edges("recovery/slow_link", 7),
            edges("recovery/slow_link", 7)
        );
        assert_ne!(
            edges("recovery/slow_link", 8),
            edges("recovery/slow_link", 7)
        );
        assert_eq!(edges("my/50 % über", 1), "my-50----ber-1");
    }
}
