//! From a parsed command line to an orderly end: puts the roles together, waits for a signal, drains.

use std::{
    ffi::OsString, fmt::Display, future::Future, io::Write as _, process::ExitCode, time::Duration,
};

use anyhow::{Context, Result, bail};
use axum::Router;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    broker,
    config::{
        self, ApiArgs, BrokerArgs, Cli, ConsumerArgs, HealthcheckArgs, LogArgs, Poll, PostgresArgs,
        RelayArgs, Role, Serving,
    },
    consumer::{APPLY_WITHIN, Consumer},
    database::{BY_INDEX, Database},
    healthcheck,
    http::{self, ApiState, BacklogCache, HttpLimits, OpsState, PROBE_DEADLINE},
    live::LiveHub,
    metrics::Metrics,
    outbox::{self, Requeue},
    readiness::Readiness,
    redrive,
    relay::{Relay, STATEMENT_WITHIN},
    schema, telemetry,
};

mod listeners;

use listeners::Listeners;

/// Claim, acquittal, mark, lease and purge each hold at most one, and one is being given back.
const RELAY_CONNECTIONS: u32 = 6;
/// Two halves of a batch, and the purge.
const CONSUMER_CONNECTIONS: u32 = 3;
const PROBE_CONNECTIONS: u32 = 2;
const LIVE_CONNECTIONS: u32 = 4;

/// The program: parses its arguments, logs, runs, and says how it ended: 0 well, 1 badly, 2 wrong usage.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Cli { role, log } = match config::parse(args) {
        Ok(cli) => cli,
        Err(problem) => {
            let _ = problem.print();
            return ExitCode::from(u8::try_from(problem.exit_code()).unwrap_or(2));
        }
    };
    match run(role, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever reads it may be gone, which changes nothing.
            let _ = writeln!(std::io::stderr(), "outbox-service: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one role until it is done or told to stop.
fn run(role: Role, log: &LogArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    if role.has_a_broker() {
        broker::prepare()
            .context("starting the runtime for the ends of the broker's connections")?;
    }
    telemetry::start(log, role.traced_as(), runtime.handle());
    let ended = runtime.block_on(async {
        match role {
            Role::Api(role) => serve((*role).into()).await,
            Role::Relay(role) => serve((*role).into()).await,
            Role::Consumer(role) => serve((*role).into()).await,
            Role::All(role) => serve((*role).into()).await,
            Role::Migrate(args) => {
                let migrate = schema::migrate(&args.postgres.database_url, args.migration.within());
                unless_told(migrate).await
            }
            Role::Healthcheck(args) => unless_told(healthcheck(&args)).await,
            Role::Requeue(args) => unless_told(requeue(&args.postgres, args.which())).await,
            Role::Redrive(args) => unless_told(redrive(&args.broker, args.all)).await,
        }
    });
    // What did not end within its grace is cut off here.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ended
}

async fn healthcheck(args: &HealthcheckArgs) -> Result<()> {
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let at = args.addresses.ops_addr.unwrap_or(args.addresses.http_addr);
    say(healthcheck::ask(at, path).await?.trim_end());
    Ok(())
}

async fn requeue(postgres: &PostgresArgs, which: Requeue) -> Result<()> {
    let mut connection = schema::connect(&postgres.database_url).await?;
    // What waits longer for a relay's lanes says so instead.
    sqlx::query("SET lock_timeout = '10s'")
        .execute(&mut connection)
        .await?;
    let put_back = outbox::requeue(&mut connection, &which)
        .await
        .context("requeueing")?;
    say(format_args!("{put_back} failed events put back"));
    Ok(())
}

async fn redrive(broker: &BrokerArgs, all: bool) -> Result<()> {
    let redriven = redrive::redrive(&broker.broker(), all)
        .await
        .context("redriving")?;
    say(format_args!("{} dead letters put back", redriven.put_back));
    if redriven.left > 0 {
        say(format_args!(
            "{} left, which the consumer had rejected for what they are (--all puts them back, too)",
            redriven.left
        ));
    }
    Ok(())
}

/// To whoever gave the command. That he is gone changes nothing that was done.
fn say(what: impl Display) {
    let _ = writeln!(std::io::stdout(), "{what}");
}

/// Does what a command asks for, unless the process is told to stop first: as the first process of a container, it would
/// not hear that otherwise.
async fn unless_told(work: impl Future<Output = Result<()>>) -> Result<()> {
    let (mut terminate, mut interrupt) = signals()?;
    tokio::select! {
        done = work => done,
        _ = terminate.recv() => bail!("stopped before it was done (SIGTERM)"),
        _ = interrupt.recv() => bail!("stopped before it was done (SIGINT)"),
    }
}

fn signals() -> std::io::Result<(Signal, Signal)> {
    Ok((
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    ))
}

async fn serve(serving: Serving) -> Result<()> {
    let postgres = &serving.postgres;
    let stop = CancellationToken::new();
    let listeners = Listeners::bind(&serving).await?;
    let mut process = Process::new(&serving, stop.clone())?;
    let router = match &serving.api {
        Some((api, poll)) => process.api(api, poll, &listeners),
        None => http::ops_router(process.ops.clone(), listeners.scraped()),
    };
    if let Some((relay, poll, broker)) = &serving.relay {
        process.relay(relay, poll, broker);
    }
    if let Some((consumer, broker)) = &serving.consumer {
        process.consumer(consumer, broker);
    }
    for (name, listening) in listeners.with(router, &process.ops) {
        process.spawn(name, listening.serve(stop.clone()));
    }
    tokio::select! {
        ended = process.until_told() => ended,
        unfit = schema::prepare(&postgres.database_url, serving.migrates, &stop) => Err(unfit.into()),
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
    fn new(serving: &Serving, stop: CancellationToken) -> Result<Self> {
        let (terminate, interrupt) = signals()?;
        let postgres = serving.postgres.clone();
        let limits = match &serving.api {
            Some((api, _)) => api.limits(postgres.wait()),
            None => HttpLimits::OF_PROBES,
        };
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
            ),
            publishes: serving.relay.is_some(),
            backlog: BacklogCache::default(),
            limits,
        };
        Ok(Self {
            postgres,
            grace: serving.process.grace(),
            metrics,
            ops,
            tasks: JoinSet::new(),
            stop,
            // Heard from here on: before a role has anything in its hands that must be finished.
            terminate,
            interrupt,
        })
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    fn api(&mut self, api: &ApiArgs, poll: &Poll, listeners: &Listeners) -> Router {
        let request = api.request();
        let feeds = pool(
            &self.postgres,
            LIVE_CONNECTIONS,
            request,
            "outbox-live",
            &[],
        );
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
            ),
            live,
            ops: self.ops.clone(),
        };
        http::api_router(state, listeners.scraped())
    }

    fn relay(&mut self, relay: &RelayArgs, poll: &Poll, broker: &BrokerArgs) {
        let relay = Relay::new(
            pool(
                &self.postgres,
                RELAY_CONNECTIONS,
                STATEMENT_WITHIN,
                "outbox-relay",
                &BY_INDEX,
            ),
            broker.broker(),
            relay.relay(poll.every()),
            self.metrics.relay.clone(),
            &self.ops.readiness,
        );
        self.spawn("relay", relay.run(self.stop.clone()));
    }

    fn consumer(&mut self, consumer: &ConsumerArgs, broker: &BrokerArgs) {
        let consumer = Consumer::new(
            pool(
                &self.postgres,
                CONSUMER_CONNECTIONS,
                APPLY_WITHIN,
                "outbox-consumer",
                &BY_INDEX,
            ),
            broker.broker(),
            consumer.consumer(),
            self.metrics.consumer.clone(),
            &self.ops.readiness,
        );
        self.spawn("consumer", consumer.run(self.stop.clone()));
    }

    /// Waits for SIGTERM or SIGINT, or for a role that ends by itself, then for the rest to finish within the grace.
    async fn until_told(mut self) -> Result<()> {
        let early = tokio::select! {
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
            ended = self.tasks.join_next() => ended,
        };
        let (grace, told) = (self.grace, Instant::now());
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
        telemetry::flush(grace.saturating_sub(told.elapsed())).await;
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
) -> Database {
    Database::connect_lazy(
        &postgres.database_url,
        connections,
        postgres.wait(),
        deadline,
        name,
        settings,
    )
}
