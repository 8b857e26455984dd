//! Everything that a run needs, set up in its order and taken away again.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    ask::{fault::Fault, scenario::System as Wanted, trial::Trial},
    history::{Event, Recorder},
    run::{
        adapter::Adapter,
        auction::{service::AuctionService, workload::Plan},
        ledger::Ledger,
        own_servers::OwnServers,
        site::Site,
        stage::Stage,
    },
    servers::lab::Lab,
    system::{PROCESSES, Place, System},
};

/// When everything stands still: how long the rest of the log may take to read.
const LEDGER_WITHIN: Duration = Duration::from_secs(10);

/// A run's parts, which stand.
pub(super) struct Arranged {
    /// What is to break.
    pub faults: Vec<Fault>,
    adapter: Adapter,
    servers: OwnServers,
    pool: PgPool,
    ledger: Ledger,
    system: System,
}

impl Arranged {
    /// Sets everything up, the observers before what they observe.
    pub async fn of(lab: &Lab, trial: &Trial, folder: &Path, recorder: &Recorder) -> Result<Self> {
        let faults = Fault::all(&trial.scenario)?;
        let plan = Plan::new(&trial.scenario.workload, trial.seed)?;
        let name = format!("run_{}", Uuid::now_v7().simple());
        let servers = OwnServers::prepare(lab, &faults, &name).await?;
        let pool = observers(&servers).await?;
        let ledger = Ledger::start(servers.database_url(), recorder.clone()).await?;
        let amqp_url = servers.amqp_url();
        let auctions = AuctionService::prepare(plan, pool.clone(), amqp_url, recorder).await?;
        let system = start(lab, &trial.scenario.system, &servers, folder, trial.edges()).await?;
        let relays = trial.scenario.system.relays;
        if let Some(what) = servers.lanes_not_shared_by(relays).await? {
            recorder.record(Event::Owed { what });
        }
        Ok(Self {
            faults,
            adapter: Adapter::Auction(Box::new(auctions)),
            servers,
            pool,
            ledger,
            system,
        })
    }

    /// What the run's stages work on.
    pub fn stage<'r>(&'r self, recorder: &'r Recorder) -> Stage<'r> {
        Stage {
            site: Site {
                system: &self.system,
                servers: &self.servers,
                recorder,
            },
            adapter: &self.adapter,
        }
    }

    /// Ends and removes everything. `ended` is how the run came out: its error goes before any of the clearing's.
    pub async fn clear(self, lab: &Lab, ended: Result<()>) -> Result<()> {
        self.system.stop(&PROCESSES).await;
        let tidied = self.system.remove_edges().await;
        drop(self.adapter);
        self.pool.close().await;
        ended?;
        tidied?;
        self.ledger.finish(Instant::now() + LEDGER_WITHIN).await?;
        self.servers.remove(lab).await
    }
}

async fn start(
    lab: &Lab,
    wanted: &Wanted,
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
    let system = start(lab, &Wanted::default(), &servers, folder, name.to_owned()).await?;
    Ok((system, servers))
}

async fn observers(servers: &OwnServers) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(5))
        .connect(&servers.database_url())
        .await
        .context("the observer could not connect to Postgres")
}
