//! What stands while a target is probed: servers, processes, and who watches them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Error, Result, anyhow};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    Probed, account,
    arrivals::Arrivals,
    facts::{By, Facts},
    firehose::Firehose,
    schema::Schema,
    writes::{self, Written},
};
use crate::{
    ask::{fault::Server, id::Run, target::Target},
    history::Recorder,
    run::{
        arrange::{LEDGER_WITHIN, observers, start},
        heard::{Listeners, Noted},
        ledger::{Ledger, Watched},
        own_servers::OwnServers,
        warm_up::not_heard,
        write::{Ways, Writer},
    },
    servers::lab::Lab,
    system::{PROCESSES, Staging, System},
    wire::tap::TapCounters,
};

/// Rows that nothing happens to for so long are left alone.
const QUIET: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A witness that is not there yet when a message has come elsewhere is given so long.
const WITNESS_WITHIN: Duration = Duration::from_secs(3);

/// What stands while a probe goes on.
pub(super) struct Scene {
    servers: OwnServers,
    pool: PgPool,
    recorder: Recorder,
    history: PathBuf,
    ledger: Ledger,
    firehose: Option<Firehose>,
    arrivals: Arrivals,
    listeners: Listeners,
    system: System,
    one_clock: bool,
}

/// What was seen of it while it stood.
pub(super) struct Seen {
    written: Written,
    counters: TapCounters,
    kinds: BTreeMap<String, String>,
    schema: Schema,
    problems: Vec<Error>,
}

impl Scene {
    pub async fn of(
        lab: &Lab,
        staging: &Staging<'_>,
        folder: &Path,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Self> {
        tokio::fs::create_dir_all(folder)
            .await
            .with_context(|| format!("making the probe's folder {}", folder.display()))?;
        let name = format!("probe_{}", Uuid::now_v7().simple());
        let servers = OwnServers::prepare(lab, &[], staging.target, &name).await?;
        let pool = observers(&servers).await?;
        let history = folder.join("history.jsonl");
        let recorder = Recorder::create(&history)?;
        let watched = Watched::everything(servers.run());
        let ledger = Ledger::watching(servers.observing_url(), watched, recorder.clone()).await?;
        let arrivals = Arrivals::new(servers.run());
        // Somebody else's broker is asked for nothing of the kind.
        let firehose = match lab.shares_our_clock() {
            true => {
                let (url, vhost) = (servers.amqp_url(), servers.vhost());
                Some(Firehose::open(&url, servers.management(), vhost, arrivals.clone()).await?)
            }
            false => None,
        };
        let told = arrivals.clone();
        let sink = Arc::new(move |noted| {
            if let Noted::Came(message) = noted {
                told.take(By::Witness, message);
            }
        });
        let listeners =
            Listeners::start(servers.amqp_url(), staging.target, servers.run(), sink).await;
        progress("starting the target");
        let system = start(lab, staging, &servers, folder, name, None).await?;
        Ok(Self {
            one_clock: lab.shares_our_clock(),
            servers,
            pool,
            recorder,
            history,
            ledger,
            firehose,
            arrivals,
            listeners,
            system,
        })
    }

    fn run(&self) -> Run {
        self.servers.run()
    }

    /// Writes, and waits until what was written has come and its rows are left alone.
    pub async fn see(&self, target: &Target, progress: &(dyn Fn(&str) + Sync)) -> Result<Seen> {
        let ways = Ways {
            apis: self.system.apis(),
            postgres: self.system.writes_to(),
            observer: self.pool.clone(),
        };
        let (ready_within, budget) = (
            target.pace.ready_within.get(),
            target.pace.recovers_within.get(),
        );
        if self.firehose.is_none() {
            let listens = self.listeners.ready(ready_within).await;
            listens.context("listening to the target")?;
        }
        let writer = Writer::new(target, ways)?;
        progress("warming up");
        let warm = writes::warm_up(&writer, &self.arrivals, self.run(), ready_within).await?;
        let mut problems = Vec::new();
        let came = self.arrivals.all();
        let by = |by: By| {
            came.iter()
                .any(|came| came.by == by && !came.ids.is_empty())
        };
        if let Some(late) = self
            .listeners
            .ready(WITNESS_WITHIN)
            .await
            .err()
            .filter(|_| !by(By::Witness))
        {
            problems.push(late.context("listening to the target"));
        } else if !by(By::Witness) {
            problems.push(anyhow!(not_heard(
                &warm.answers,
                &self.listeners.told(),
                ready_within
            )));
        }
        let written = match by(By::Witness) || by(By::Firehose) {
            false => warm,
            true => {
                progress("writing 20 operations");
                let written = writes::twenty(&writer, self.run(), !target.write.is_http()).await?;
                progress("waiting until they are heard");
                let teller = match by(By::Witness) {
                    true => By::Witness,
                    false => By::Firehose,
                };
                let ids = written.accepted();
                let deadline = Instant::now() + budget;
                self.arrivals
                    .until(deadline, |all| all.has(teller, &ids))
                    .await;
                written
            }
        };
        progress("waiting until their rows are left alone");
        let schema = Schema::of(&self.pool).await?;
        self.until_quiet(&schema, Instant::now() + budget).await?;
        let addresses = self.servers.addresses();
        let around =
            self.system
                .goes_over_its_edges(&addresses, &self.pool, self.servers.management());
        problems.extend(around.await.err());
        Ok(Seen {
            counters: self.counters(),
            kinds: self.kinds().await?,
            written,
            schema,
            problems,
        })
    }

    /// Waits until nothing happens any more to rows about operations.
    async fn until_quiet(&self, schema: &Schema, deadline: Instant) -> Result<()> {
        let mut last = None;
        let mut since = Instant::now();
        while Instant::now() < deadline {
            self.recorder.flush();
            let now = account::rows(&self.history, schema, self.run())?.map(|rows| {
                let own = rows.all.iter().filter(|row| !row.ids.is_empty());
                let steps = own.map(|row| row.versions.len() + usize::from(row.gone.is_some()));
                let nameless: usize = rows.nameless_deletes.values().sum();
                (steps.sum::<usize>(), nameless)
            });
            match last == Some(now.clone()) {
                true if since.elapsed() >= QUIET => break,
                true => {}
                false => (last, since) = (Some(now), Instant::now()),
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    fn counters(&self) -> TapCounters {
        let mut all = TapCounters::default();
        let links = self.system.links_to(Server::RabbitMq);
        links.for_each(|link| all += link.counters());
        all
    }

    /// The kinds of the exchanges that messages went to.
    async fn kinds(&self) -> Result<BTreeMap<String, String>> {
        let mut kinds = BTreeMap::new();
        for came in self.arrivals.all() {
            let exchange = came.message.exchange;
            if exchange.is_empty() || kinds.contains_key(&exchange) {
                continue;
            }
            let kind = self
                .servers
                .management()
                .kind_of(self.servers.vhost(), &exchange)
                .await?;
            kinds.extend(kind.map(|kind| (exchange, kind)));
        }
        Ok(kinds)
    }

    /// Ends and removes everything, and says what was found out. `seen` is how it came out: its error goes before any of the
    /// clearing's.
    pub async fn clear(
        self,
        lab: &Lab,
        seen: Result<Seen>,
        target: &Target,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Probed> {
        progress("clearing up");
        self.system.stop(&PROCESSES).await;
        let tidied = self.system.remove_edges().await;
        self.pool.close().await;
        let Seen {
            written,
            counters,
            kinds,
            schema,
            problems,
        } = seen?;
        tidied?;
        if let Some(firehose) = self.firehose {
            firehose.shut().await?;
        }
        self.ledger.finish(Instant::now() + LEDGER_WITHIN).await?;
        self.recorder.flush();
        let run = self.servers.run();
        let facts = Facts {
            run,
            accepted: written.accepted(),
            asked_at_us: written.asked_at_us.clone(),
            rolled_back: written.rolled_back.clone(),
            came: self.arrivals.all(),
            rows: account::rows(&self.history, &schema, run)?,
            schema,
            one_clock: self.one_clock,
        };
        self.recorder.finish()?;
        self.servers.remove(lab).await?;
        Ok(Probed {
            findings: account::findings(&facts, target, &written, &counters, &kinds, &problems),
            problems,
        })
    }
}
