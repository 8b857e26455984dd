//! Everything that a run needs, set up in its order and taken away again.

use std::{
    path::{self, Path},
    time::Duration,
};

use anyhow::{Context, Result};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    ask::{
        fault::{self, Action, Fault, Server},
        scenario::System as Wanted,
        target::Target,
        trial::Trial,
    },
    history::{Event, Recorder},
    run::{
        adapter::Adapter,
        described::Prepared,
        ledger::{Ledger, Read, Watched},
        own,
        own_servers::OwnServers,
        site::Site,
        stage::Stage,
        trail::{self, Ear},
        write::Ways,
    },
    servers::lab::Lab,
    system::{PROCESSES, Place, Staging, System},
    wire::tap::Audience,
};

/// When everything stands still: how long the rest of the log may take to read.
pub(super) const LEDGER_WITHIN: Duration = Duration::from_secs(10);

/// A broker that is killed sooner than this after a quorum queue was declared forgets the queue's log, and the queue never gets
/// a leader again: Ra's list of its queues (`names.dets`) is written three seconds late, Erlang's delay for such files. That is
/// no fault of whoever published.
const BROKER_FORGETS: Duration = Duration::from_secs(4);

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
    /// Sets everything up, the observers before what they observe, on servers that can be done these faults to.
    pub async fn of(
        lab: &Lab,
        trial: &Trial,
        faults: Vec<Fault>,
        (folder, recorder): (&Path, &Recorder),
        ear: Option<Ear>,
    ) -> Result<Self> {
        let name = format!("run_{}", Uuid::now_v7().simple());
        let servers = OwnServers::prepare(lab, &faults, &trial.target, &name).await?;
        servers.set(&trial.scenario.system.postgres).await?;
        let pool = observers(&servers).await?;
        let watched = match trial.target.is_ours() {
            true => own::watched(),
            false => Watched::of(&trial.target, servers.run()),
        };
        let ledger = Ledger::watching(servers.observing_url(), watched, recorder.clone()).await?;
        let listening = Listening::begin(trial, &servers, &pool, recorder).await?;
        let told = Some(trail::told(servers.run(), recorder, ear));
        let system = start(lab, &staging(trial), &servers, folder, trial.edges(), told).await?;
        let adapter = listening
            .ready(trial, &servers, &system, &pool, recorder)
            .await?;
        let addresses = servers.addresses();
        system
            .goes_over_its_edges(&addresses, &pool, servers.management())
            .await?;
        let of_a_broker = |fault: &Fault| fault.target == fault::Target::Server(Server::RabbitMq);
        if faults
            .iter()
            .any(|fault| of_a_broker(fault) && fault.action == Action::Kill)
        {
            sleep(BROKER_FORGETS).await;
        }
        // What was arranged must not be lost with what the run then writes.
        if faults.iter().any(|fault| fault.action == Action::CutPower) {
            servers.of(Server::Postgres)?.flush().await?;
        }
        Ok(Self {
            faults,
            adapter,
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

    /// Reads the rest of the log, up to now.
    pub async fn up_to_now(&self, deadline: Instant) -> Result<Option<Read>> {
        self.ledger.up_to_now(deadline).await
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

/// A target that is listened to, before its processes stand.
enum Listening {
    Own(own::Target),
    Described(Box<Prepared>),
}

impl Listening {
    async fn begin(
        trial: &Trial,
        servers: &OwnServers,
        pool: &PgPool,
        recorder: &Recorder,
    ) -> Result<Self> {
        let (pool, amqp_url) = (pool.clone(), servers.amqp_url());
        if trial.target.is_ours() {
            let (scenario, run) = (&trial.scenario, servers.run());
            let target = own::Target::prepare(scenario, trial.seed, run, pool, amqp_url, recorder);
            return Ok(Self::Own(target.await?));
        }
        let asked = (*trial.target).clone();
        let prepared = Prepared::of(
            asked,
            &trial.scenario,
            trial.seed,
            servers.run(),
            pool,
            amqp_url,
            recorder,
        );
        Ok(Self::Described(Box::new(prepared.await?)))
    }

    /// The target works: of the lab's own every relay has its share of the work, and of any other what is written is
    /// heard.
    async fn ready(
        self,
        trial: &Trial,
        servers: &OwnServers,
        system: &System,
        pool: &PgPool,
        recorder: &Recorder,
    ) -> Result<Adapter> {
        match self {
            Self::Own(target) => {
                let relays = trial.scenario.system.relays;
                if let Some(what) = target.ready(servers, relays).await? {
                    recorder.record(Event::Owed { what });
                }
                Ok(Adapter::Own(Box::new(target)))
            }
            Self::Described(prepared) => {
                let ways = Ways {
                    apis: system.apis(),
                    postgres: system.writes_to(),
                    observer: pool.clone(),
                };
                let target = prepared.warm(ways).await?;
                Ok(Adapter::Described(Box::new(target)))
            }
        }
    }
}

/// What is put on in a trial.
pub(crate) fn staging(trial: &Trial) -> Staging<'_> {
    Staging {
        target: &trial.target,
        story: &trial.scenario.system,
        as_shipped: trial.as_shipped,
    }
}

/// Starts what is put on.
pub(super) async fn start(
    lab: &Lab,
    staging: &Staging<'_>,
    servers: &OwnServers,
    folder: &Path,
    name: String,
    told: Option<Audience>,
) -> Result<System> {
    let place = Place {
        name,
        run: servers.run(),
        environment: lab.folder().to_owned(),
        folder: path::absolute(folder)?,
        told,
    };
    System::start(staging, &servers.addresses(), Some(lab.control()), &place).await
}

/// A system that only stands there, to be played with.
pub async fn stand(lab: &Lab, folder: &Path, name: &str) -> Result<(System, OwnServers)> {
    tokio::fs::create_dir_all(folder).await?;
    let target = Target::ours();
    let servers = OwnServers::prepare(lab, &[], &target, name).await?;
    let staging = Staging {
        target: &target,
        story: &Wanted::default(),
        as_shipped: true,
    };
    let system = start(lab, &staging, &servers, folder, name.to_owned(), None).await?;
    Ok((system, servers))
}

/// The lab's own eyes on a run's database.
pub(super) async fn observers(servers: &OwnServers) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(5))
        .connect(&servers.observing_url())
        .await
        .context("the observer could not connect to Postgres")
}
