//! From a parsed command line to an orderly end: puts the roles together, waits for a signal, drains.

use std::{ffi::OsString, future::Future, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use axum::Router;
use clap::Parser;
use sqlx::{Connection, PgConnection, migrate::Migrator};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    backoff::Backoff,
    config::{Cli, Config, Role},
    consumer::Consumer,
    database::{BY_INDEX, Database},
    http::{self, ApiState, BacklogCache, HttpLimits, OpsState},
    live::LiveHub,
    metrics::Metrics,
    outbox::{self, Requeue},
    readiness::Readiness,
    relay::Relay,
    telemetry,
};

/// The schema, embedded.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long `migrate` and `requeue` wait for Postgres.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Claim, mark, lease, purge and hand-back each hold at most one.
const RELAY_CONNECTIONS: u32 = 6;
const CONSUMER_CONNECTIONS: u32 = 2;
const PROBE_CONNECTIONS: u32 = 2;
const LIVE_CONNECTIONS: u32 = 4;
/// The server's own limit for a statement, where no request has a shorter one.
const STATEMENT_LIMIT: Duration = Duration::from_secs(30);

/// The program: parses its arguments, logs, runs, and says how it ended: 0 well, 1 badly, 2 wrong usage.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(problem) => {
            let _ = problem.print();
            return ExitCode::from(u8::try_from(problem.exit_code()).unwrap_or(2));
        }
    };
    if let Err(error) = telemetry::start(&cli.config) {
        eprintln!("outbox-service: --log {:?}: {error}", cli.config.log);
        return ExitCode::from(2);
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outbox-service: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one role until it is done or told to stop.
fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let Cli { role, config } = cli;
    let ended = runtime.block_on(async {
        match role {
            Role::Migrate => migrate(&config).await,
            Role::Requeue(which) => requeue(&config, which.into()).await,
            serving => serve(serving, config).await,
        }
    });
    // What did not end within its grace is cut off here.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ended
}

async fn migrate(config: &Config) -> Result<()> {
    let mut connection = connect(config).await?;
    MIGRATIONS
        .run(&mut connection)
        .await
        .context("migrating the schema")?;
    info!("schema is up to date");
    Ok(())
}

async fn requeue(config: &Config, which: Requeue) -> Result<()> {
    let mut connection = connect(config).await?;
    let put_back = outbox::requeue(&mut connection, &which)
        .await
        .context("requeueing")?;
    println!("{put_back} failed events put back");
    Ok(())
}

async fn connect(config: &Config) -> Result<PgConnection> {
    timeout(CONNECT_WITHIN, PgConnection::connect(&config.database_url))
        .await
        .with_context(|| {
            format!("Postgres did not answer within {CONNECT_WITHIN:?}; is DATABASE_URL right?")
        })?
        .context("connecting to Postgres; is DATABASE_URL right?")
}

async fn serve(role: Role, config: Config) -> Result<()> {
    let all = matches!(role, Role::All);
    let stop = CancellationToken::new();
    let listener = TcpListener::bind(config.http_addr)
        .await
        .with_context(|| format!("listening on {} (another --http-addr?)", config.http_addr))?;
    info!(address = %listener.local_addr()?, "listening");

    let mut process = Process::new(config, stop.clone())?;
    let router = if all || matches!(role, Role::Api) {
        process.api()?
    } else {
        http::ops_router(process.ops.clone())
    };
    if all || matches!(role, Role::Relay) {
        process.relay()?;
    }
    if all || matches!(role, Role::Consumer) {
        process.consumer()?;
    }
    let server =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    process.spawn("http", async move {
        if let Err(error) = server.await {
            warn!(%error, "HTTP server failed");
        }
    });
    let config = process.config.clone();
    let schema = async {
        if all {
            migrate_when_possible(&config, &stop).await;
        }
    };
    let (ended, ()) = tokio::join!(process.until_told(), schema);
    ended
}

/// One process and the tasks of its roles. A task that ends before it is told to is a failure.
struct Process {
    config: Config,
    metrics: Metrics,
    ops: OpsState,
    tasks: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Process {
    fn new(config: Config, stop: CancellationToken) -> Result<Self> {
        let metrics = Metrics::new();
        let ops = OpsState {
            metrics: metrics.clone(),
            readiness: Readiness::default(),
            database: pool(&config, PROBE_CONNECTIONS, "outbox-probe")?,
            backlog: BacklogCache::default(),
            limits: limits(&config),
        };
        Ok(Self {
            config,
            metrics,
            ops,
            tasks: JoinSet::new(),
            stop,
        })
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    fn api(&mut self) -> Result<Router> {
        let feeds = pool(&self.config, LIVE_CONNECTIONS, "outbox-live")?;
        let poll = Duration::from_millis(self.config.poll_ms);
        let live = LiveHub::new(feeds, self.config.max_live_streams, poll, self.stop.clone());
        let hub = live.clone();
        self.spawn("live feed", async move { hub.run().await });
        Ok(http::api_router(ApiState {
            database: pool(&self.config, self.config.api_connections, "outbox-api")?,
            live,
            ops: self.ops.clone(),
        }))
    }

    fn relay(&mut self) -> Result<()> {
        let relay = Relay::new(
            tuned_pool(&self.config, RELAY_CONNECTIONS, "outbox-relay", &BY_INDEX)?,
            self.config.broker(),
            self.config.relay()?,
            self.metrics.relay.clone(),
            &self.ops.readiness,
        );
        self.spawn("relay", relay.run(self.stop.clone()));
        Ok(())
    }

    fn consumer(&mut self) -> Result<()> {
        let consumer = Consumer::new(
            tuned_pool(
                &self.config,
                CONSUMER_CONNECTIONS,
                "outbox-consumer",
                &BY_INDEX,
            )?,
            self.config.broker(),
            self.config.consumer(),
            self.metrics.consumer.clone(),
            &self.ops.readiness,
        );
        self.spawn("consumer", consumer.run(self.stop.clone()));
        Ok(())
    }

    /// Waits for SIGTERM or SIGINT, or for a role that ends by itself, then for the rest to finish within the grace.
    async fn until_told(mut self) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let early = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            ended = self.tasks.join_next() => ended,
        };
        let grace = self.config.shutdown_grace();
        info!(?grace, "stopping: finishing what has begun");
        self.stop.cancel();
        let rest = async { while self.tasks.join_next().await.is_some() {} };
        let in_time = timeout(grace, rest).await.is_ok();
        match early {
            Some(Ok(name)) => bail!("{name} ended by itself"),
            Some(Err(panic)) => bail!("a role panicked: {panic}"),
            None if in_time => Ok(()),
            None => bail!(
                "not everything was finished within {grace:?}; leases and unacked deliveries cover the rest"
            ),
        }
    }
}

fn limits(config: &Config) -> HttpLimits {
    let request = Duration::from_millis(config.request_timeout_ms);
    HttpLimits {
        body_bytes: config.max_body_bytes,
        body_deadline: request,
        database_deadline: request,
        request_deadline: request * 2 + Duration::from_millis(config.pool_wait_ms),
        keep_alive: Duration::from_secs(15),
    }
}

fn pool(config: &Config, connections: u32, name: &str) -> Result<Database> {
    tuned_pool(config, connections, name, &[])
}

fn tuned_pool(
    config: &Config,
    connections: u32,
    name: &str,
    settings: &[(&str, &str)],
) -> Result<Database> {
    let wait = Duration::from_millis(config.pool_wait_ms);
    Database::connect_lazy(
        &config.database_url,
        connections,
        wait,
        STATEMENT_LIMIT,
        name,
        settings,
    )
    .context("reading DATABASE_URL")
}

/// `all` starts without its database, too, and migrates as soon as it is there.
async fn migrate_when_possible(config: &Config, stop: &CancellationToken) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    while let Err(error) = migrate(config).await {
        warn!("schema not migrated yet: {error:#}");
        backoff.pause(stop).await;
        if stop.is_cancelled() {
            return;
        }
    }
}
