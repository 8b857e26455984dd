//! From a parsed command line to an orderly end: puts the roles together, waits for a signal, drains.

use std::{ffi::OsString, future::Future, io::Write as _, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use axum::Router;
use sqlx::{Connection, PgConnection, migrate::Migrator};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    backoff::Backoff,
    config::{
        self, ApiArgs, BrokerArgs, Cli, ConsumerArgs, Poll, PostgresArgs, RelayArgs, Role, Serving,
    },
    consumer::{APPLY_WITHIN, Consumer},
    database::{self, BY_INDEX, Database},
    http::{self, ApiState, BacklogCache, HttpLimits, OpsState, PROBE_DEADLINE},
    live::LiveHub,
    metrics::Metrics,
    outbox::{self, Requeue},
    readiness::Readiness,
    redrive,
    relay::{Relay, STATEMENT_WITHIN},
    telemetry,
};

mod listeners;

use listeners::Listeners;

/// The schema, embedded.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long `migrate` and `requeue` wait for Postgres.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Claim, acquittal, mark, lease and purge each hold at most one, and one is being given back.
const RELAY_CONNECTIONS: u32 = 6;
/// Two halves of a batch, and the purge.
const CONSUMER_CONNECTIONS: u32 = 3;
const PROBE_CONNECTIONS: u32 = 2;
const LIVE_CONNECTIONS: u32 = 4;

/// The program: parses its arguments, logs, runs, and says how it ended: 0 well, 1 badly, 2 wrong usage.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Cli { role } = match config::parse(args) {
        Ok(cli) => cli,
        Err(problem) => {
            let _ = problem.print();
            return ExitCode::from(u8::try_from(problem.exit_code()).unwrap_or(2));
        }
    };
    telemetry::start(role.log());
    match run(role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever reads it may be gone, which changes nothing.
            let _ = writeln!(std::io::stderr(), "outbox-service: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one role until it is done or told to stop.
fn run(role: Role) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended = runtime.block_on(async {
        match role {
            Role::Api(role) => serve((*role).into()).await,
            Role::Relay(role) => serve((*role).into()).await,
            Role::Consumer(role) => serve((*role).into()).await,
            Role::All(role) => serve((*role).into()).await,
            Role::Migrate(args) => migrate(&args.postgres).await,
            Role::Requeue(args) => requeue(&args.postgres, args.which()).await,
            Role::Redrive(args) => redrive(&args.broker, args.all).await,
        }
    });
    // What did not end within its grace is cut off here.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ended
}

async fn migrate(postgres: &PostgresArgs) -> Result<()> {
    let mut connection = connect(postgres).await?;
    if let Some(unfit) = unfit(&mut connection).await? {
        return Err(unfit.into());
    }
    MIGRATIONS
        .run(&mut connection)
        .await
        .context("migrating the schema")?;
    info!("schema is up to date");
    Ok(())
}

/// A database that no text of a client is safe in.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database's encoding is {0}, which cannot hold every text that a client may send: create it with ENCODING 'UTF8'"
)]
struct Unfit(String);

/// Why the database must not be used, if it must not. An encoding never changes.
async fn unfit(connection: &mut PgConnection) -> Result<Option<Unfit>> {
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
        .fetch_one(connection)
        .await
        .context("asking for the database's encoding")?;
    Ok((encoding != "UTF8").then_some(Unfit(encoding)))
}

async fn requeue(postgres: &PostgresArgs, which: Requeue) -> Result<()> {
    let mut connection = connect(postgres).await?;
    // What waits longer for a relay's lanes says so instead.
    sqlx::query("SET lock_timeout = '10s'")
        .execute(&mut connection)
        .await?;
    let put_back = outbox::requeue(&mut connection, &which)
        .await
        .context("requeueing")?;
    println!("{put_back} failed events put back");
    Ok(())
}

async fn redrive(broker: &BrokerArgs, all: bool) -> Result<()> {
    let redriven = redrive::redrive(&broker.broker(), all)
        .await
        .context("redriving")?;
    println!("{} dead letters put back", redriven.put_back);
    if redriven.left > 0 {
        println!(
            "{} left, which the consumer had rejected for what they are (--all puts them back, too)",
            redriven.left
        );
    }
    Ok(())
}

async fn connect(postgres: &PostgresArgs) -> Result<PgConnection> {
    let options = database::options(&postgres.database_url, "outbox-service")
        .context("reading DATABASE_URL")?;
    timeout(CONNECT_WITHIN, PgConnection::connect_with(&options))
        .await
        .with_context(|| {
            format!("Postgres did not answer within {CONNECT_WITHIN:?}; is DATABASE_URL right?")
        })?
        .context("connecting to Postgres; is DATABASE_URL right?")
}

async fn serve(serving: Serving) -> Result<()> {
    let postgres = &serving.postgres;
    let stop = CancellationToken::new();
    let listeners = Listeners::bind(&serving).await?;
    let mut process = Process::new(postgres.clone(), serving.process.grace(), stop.clone())?;
    let router = match &serving.api {
        Some((api, poll)) => process.api(api, poll, &listeners)?,
        None => http::ops_router(process.ops.clone(), listeners.scraped()),
    };
    if let Some((relay, poll, broker)) = &serving.relay {
        process.relay(relay, poll, broker)?;
    }
    if let Some((consumer, broker)) = &serving.consumer {
        process.consumer(consumer, broker)?;
    }
    for (name, listening) in listeners.with(router, &process.ops) {
        process.spawn(name, listening.serve(stop.clone()));
    }
    tokio::select! {
        ended = process.until_told() => ended,
        unfit = prepare(postgres, serving.migrates, &stop) => Err(unfit.into()),
    }
}

/// One process and the tasks of its roles. A task that ends before it is told to is a failure.
struct Process {
    postgres: PostgresArgs,
    grace: Duration,
    metrics: Metrics,
    ops: OpsState,
    tasks: JoinSet<&'static str>,
    stop: CancellationToken,
    terminate: Signal,
    interrupt: Signal,
}

impl Process {
    fn new(postgres: PostgresArgs, grace: Duration, stop: CancellationToken) -> Result<Self> {
        let metrics = Metrics::new();
        let ops = OpsState {
            metrics: metrics.clone(),
            readiness: Readiness::default(),
            database: pool(
                &postgres,
                PROBE_CONNECTIONS,
                PROBE_DEADLINE,
                "outbox-probe",
                &[],
            )?,
            backlog: BacklogCache::default(),
            limits: HttpLimits::OF_PROBES,
        };
        Ok(Self {
            postgres,
            grace,
            metrics,
            ops,
            tasks: JoinSet::new(),
            stop,
            // Heard from here on: before a role has anything in its hands that must be finished.
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    fn api(&mut self, api: &ApiArgs, poll: &Poll, listeners: &Listeners) -> Result<Router> {
        let request = api.request();
        self.ops.limits = api.limits(self.postgres.wait());
        let feeds = pool(
            &self.postgres,
            LIVE_CONNECTIONS,
            request,
            "outbox-live",
            &[],
        )?;
        let places = listeners.feeds(api.max_live_streams);
        let live = LiveHub::new(feeds, places, poll.every(), self.stop.clone());
        let hub = live.clone();
        self.spawn("live feed", async move { hub.run().await });
        let state = ApiState {
            database: pool(
                &self.postgres,
                api.api_connections,
                request,
                "outbox-api",
                &[],
            )?,
            live,
            ops: self.ops.clone(),
        };
        Ok(http::api_router(state, listeners.scraped()))
    }

    fn relay(&mut self, relay: &RelayArgs, poll: &Poll, broker: &BrokerArgs) -> Result<()> {
        let relay = Relay::new(
            pool(
                &self.postgres,
                RELAY_CONNECTIONS,
                STATEMENT_WITHIN,
                "outbox-relay",
                &BY_INDEX,
            )?,
            broker.broker(),
            relay.relay(poll.every()),
            self.metrics.relay.clone(),
            &self.ops.readiness,
        );
        self.spawn("relay", relay.run(self.stop.clone()));
        Ok(())
    }

    fn consumer(&mut self, consumer: &ConsumerArgs, broker: &BrokerArgs) -> Result<()> {
        let consumer = Consumer::new(
            pool(
                &self.postgres,
                CONSUMER_CONNECTIONS,
                APPLY_WITHIN,
                "outbox-consumer",
                &BY_INDEX,
            )?,
            broker.broker(),
            consumer.consumer(),
            self.metrics.consumer.clone(),
            &self.ops.readiness,
        );
        self.spawn("consumer", consumer.run(self.stop.clone()));
        Ok(())
    }

    /// Waits for SIGTERM or SIGINT, or for a role that ends by itself, then for the rest to finish within the grace.
    async fn until_told(mut self) -> Result<()> {
        let early = tokio::select! {
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
            ended = self.tasks.join_next() => ended,
        };
        let grace = self.grace;
        info!(?grace, "stopping: finishing what has begun");
        self.stop.cancel();
        let rest = async {
            let mut panicked = None;
            while let Some(ended) = self.tasks.join_next().await {
                panicked = panicked.or(ended.err());
            }
            panicked
        };
        let rest = timeout(grace, rest).await;
        match (early, rest) {
            (Some(Ok(name)), _) => bail!("{name} ended by itself"),
            (Some(Err(panic)), _) | (None, Ok(Some(panic))) => bail!("a role panicked: {panic}"),
            (None, Ok(None)) => Ok(()),
            (None, Err(_)) => bail!(
                "not everything was finished within {grace:?}; leases and unacked deliveries cover the rest"
            ),
        }
    }
}

fn pool(
    postgres: &PostgresArgs,
    connections: u32,
    deadline: Duration,
    name: &str,
    settings: &[(&str, &str)],
) -> Result<Database> {
    Database::connect_lazy(
        &postgres.database_url,
        connections,
        postgres.wait(),
        deadline,
        name,
        settings,
    )
    .context("reading DATABASE_URL")
}

/// Looks at the database as soon as it is there, and in `all` migrates it. Comes to an end only if it is unfit.
async fn prepare(postgres: &PostgresArgs, migrates: bool, stop: &CancellationToken) -> Unfit {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let look = async || {
        if migrates {
            return migrate(postgres).await;
        }
        match unfit(&mut connect(postgres).await?).await? {
            Some(unfit) => Err(unfit.into()),
            None => Ok(()),
        }
    };
    while let Err(error) = look().await {
        match error.downcast::<Unfit>() {
            Ok(unfit) => return unfit,
            Err(error) if migrates => warn!("schema not migrated yet: {error:#}"),
            Err(error) => debug!("database not looked at yet: {error:#}"),
        }
        backoff.pause(stop).await;
        if stop.is_cancelled() {
            break;
        }
    }
    std::future::pending().await
}
