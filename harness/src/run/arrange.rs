//! Everything that a run needs, set up in its order and taken away again.

use std::{
    path::{self, Path},
    time::Duration,
};

use anyhow::{Context, Result};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    ask::{fault::Fault, scenario::System as Wanted, target::Target, trial::Trial},
    history::{Event, Recorder},
    run::{
        client::{self, Closes},
        ledger::Ledger,
        own_servers::OwnServers,
        stage::Stage,
        topology::EXCHANGE,
        witness::Witness,
        workload::Plan,
    },
    servers::lab::Lab,
    system::{PROCESSES, Place, Staging, System},
};

/// When everything stands still: how long the rest of the log may take to read.
const LEDGER_WITHIN: Duration = Duration::from_secs(10);

/// A run's parts, which stand.
pub(super) struct Arranged {
    /// What is to break.
    pub faults: Vec<Fault>,
    /// What clients will do.
    pub plan: Plan,
    servers: OwnServers,
    pool: PgPool,
    ledger: Ledger,
    witness: Witness,
    system: System,
}

impl Arranged {
    /// Sets everything up, the observers before what they observe.
    pub async fn of(lab: &Lab, trial: &Trial, folder: &Path, recorder: &Recorder) -> Result<Self> {
        let faults = Fault::all(&trial.scenario)?;
        let plan = Plan::new(&trial.scenario.workload, trial.seed)?;
        let name = format!("run_{}", Uuid::now_v7().simple());
        let servers = OwnServers::prepare(lab, &faults, &trial.target, &name).await?;
        let pool = observers(&servers).await?;
        let ledger = Ledger::start(servers.observing_url(), recorder.clone()).await?;
        for auction in &plan.open {
            client::create_auction(&pool, recorder, *auction, Closes::After).await?;
        }
        client::create_auction(&pool, recorder, plan.closed, Closes::Before).await?;
        let witness =
            Witness::start(servers.amqp_url(), EXCHANGE.to_owned(), recorder.clone()).await?;
        let system = start(lab, &staging(trial), &servers, folder, trial.edges()).await?;
        let relays = match system.is_our_service() {
            true => trial.scenario.system.relays,
            false => 0,
        };
        if let Some(what) = servers.lanes_not_shared_by(relays).await? {
            recorder.record(Event::Owed { what });
        }
        let addresses = servers.addresses();
        system
            .goes_over_its_edges(&addresses, &pool, servers.management())
            .await?;
        Ok(Self {
            faults,
            plan,
            servers,
            pool,
            ledger,
            witness,
            system,
        })
    }

    /// What the run's stages work on.
    pub fn stage<'r>(&'r self, recorder: &'r Recorder) -> Stage<'r> {
        Stage {
            system: &self.system,
            servers: &self.servers,
            witness: &self.witness,
            pool: &self.pool,
            recorder,
        }
    }

    /// Ends and removes everything. `ended` is how the run came out: its error goes before any of the clearing's.
    pub async fn clear(self, lab: &Lab, ended: Result<()>) -> Result<()> {
        self.system.stop(&PROCESSES).await;
        let tidied = self.system.remove_edges().await;
        drop(self.witness);
        self.pool.close().await;
        ended?;
        tidied?;
        self.ledger.finish(Instant::now() + LEDGER_WITHIN).await?;
        self.servers.remove(lab).await
    }
}

/// What is put on in a trial.
pub(super) fn staging(trial: &Trial) -> Staging<'_> {
    Staging {
        target: &trial.target,
        story: &trial.scenario.system,
        as_shipped: trial.as_shipped,
    }
}

async fn start(
    lab: &Lab,
    staging: &Staging<'_>,
    servers: &OwnServers,
    folder: &Path,
    name: String,
) -> Result<System> {
    let place = Place {
        name,
        run: servers.run(),
        environment: lab.folder().to_owned(),
        folder: path::absolute(folder)?,
    };
    System::start(staging, &servers.addresses(), Some(lab.control()), &place).await
}

/// A system that only stands there, to be played with.
pub async fn stand(lab: &Lab, folder: &Path, name: &str) -> Result<(System, OwnServers)> {
    tokio::fs::create_dir_all(folder).await?;
    let target = Target::auction();
    let servers = OwnServers::prepare(lab, &[], &target, name).await?;
    let staging = Staging {
        target: &target,
        story: &Wanted::default(),
        as_shipped: true,
    };
    let system = start(lab, &staging, &servers, folder, name.to_owned()).await?;
    Ok((system, servers))
}

async fn observers(servers: &OwnServers) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(5))
        .connect(&servers.observing_url())
        .await
        .context("the observer could not connect to Postgres")
}
