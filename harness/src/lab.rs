//! One environment for many runs: a Postgres, a RabbitMQ and a Toxiproxy, booted once. Each run gets a database and a
//! vhost of its own; a run that breaks a server gets a server of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use outbox_service::MIGRATIONS;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{runtime::Handle, sync::Mutex, task::spawn_blocking};

use crate::{
    edge::EdgeControl,
    guard::{self, RunFolder},
    native::{Binaries, Postgres, RabbitMq, free_port, packages::program},
    process::{Launch, Process, until_ready},
    toxiproxy::ToxiproxyServer,
};

/// The database that every run's is copied from.
const TEMPLATE: &str = "lab_template";
const TOXIPROXY_WITHIN: Duration = Duration::from_secs(10);

/// A running environment. Dropping it stops and removes everything.
pub struct Lab {
    // Declared first, dropped first: servers end before their folder goes.
    postgres: Arc<Postgres>,
    rabbitmq: Arc<RabbitMq>,
    control: EdgeControl,
    api: SocketAddr,
    _toxiproxy: Toxiproxy,
    binaries: Binaries,
    copying: Mutex<()>,
    description: Vec<String>,
    folder: RunFolder,
}

/// The genuine server where there is one on PATH, else the lab's own, which speaks the same API.
enum Toxiproxy {
    Genuine(#[expect(dead_code, reason = "held so that it lives")] Process),
    Embedded(#[expect(dead_code, reason = "held so that it lives")] ToxiproxyServer),
}

impl Lab {
    /// Boots everything. `say` gets one line for each thing worth knowing.
    pub async fn start(say: impl Fn(&str)) -> Result<Self> {
        let began = Instant::now();
        let swept = spawn_blocking(guard::sweep).await?;
        if !swept.folders.is_empty() {
            say(&format!(
                "removed what {} killed labs had left",
                swept.folders.len()
            ));
        }
        let binaries = tokio::task::block_in_place(|| Binaries::provide(&say))?;
        let folder = RunFolder::create()?;
        let (postgres, rabbitmq, toxiproxy) = tokio::try_join!(
            Postgres::boot("postgres", &binaries, folder.path()),
            RabbitMq::boot("rabbitmq", &binaries, folder.path()),
            toxiproxy(folder.path()),
        )?;
        let (toxiproxy, api) = toxiproxy;
        let control = EdgeControl::connect(api)
            .await
            .context("connecting to Toxiproxy")?;
        migrate_template(&postgres).await?;
        let description = describe(&postgres, &rabbitmq, &toxiproxy).await?;
        say(&format!(
            "servers ready in {:.1} s: {}",
            began.elapsed().as_secs_f64(),
            description.join(", ")
        ));
        Ok(Self {
            postgres: Arc::new(postgres),
            rabbitmq: Arc::new(rabbitmq),
            control,
            api,
            _toxiproxy: toxiproxy,
            binaries,
            copying: Mutex::new(()),
            description,
            folder,
        })
    }

    /// Versions and durability settings.
    pub fn describe(&self) -> Vec<String> {
        self.description.clone()
    }

    /// The environment's folder; every process of it carries it as its mark.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Toxiproxy.
    pub fn control(&self) -> &EdgeControl {
        &self.control
    }

    /// Where Toxiproxy's own API is.
    pub fn toxiproxy(&self) -> SocketAddr {
        self.api
    }

    /// The shared Postgres.
    pub fn postgres(&self) -> Arc<Postgres> {
        self.postgres.clone()
    }

    /// The shared RabbitMQ.
    pub fn rabbitmq(&self) -> Arc<RabbitMq> {
        self.rabbitmq.clone()
    }

    /// A Postgres that one run may break, with the schema in its template.
    pub async fn own_postgres(&self, name: &str) -> Result<Arc<Postgres>> {
        let server =
            Postgres::boot(&format!("postgres-{name}"), &self.binaries, self.folder()).await?;
        migrate_template(&server).await?;
        Ok(Arc::new(server))
    }

    /// A RabbitMQ that one run may break.
    pub async fn own_rabbitmq(&self, name: &str) -> Result<Arc<RabbitMq>> {
        let server =
            RabbitMq::boot(&format!("rabbitmq-{name}"), &self.binaries, self.folder()).await?;
        Ok(Arc::new(server))
    }

    /// Makes a database with the schema in it.
    pub async fn create_database(&self, server: &Postgres, name: &str) -> Result<()> {
        // Two copies of one template at once refuse each other.
        let _alone = self.copying.lock().await;
        command(
            server,
            &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"),
        )
        .await
    }

    /// Removes a run's database from the shared server.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        command(
            &self.postgres,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await
    }
}

async fn command(server: &Postgres, sql: &str) -> Result<()> {
    let pool = pool(server, "postgres").await?;
    let done = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&pool)
        .await;
    pool.close().await;
    done.with_context(|| sql.to_owned())?;
    Ok(())
}

async fn pool(server: &Postgres, database: &str) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .connect(&server.url(database))
        .await
        .with_context(|| format!("connecting to Postgres' database {database}"))
}

async fn migrate_template(server: &Postgres) -> Result<()> {
    command(server, &format!("CREATE DATABASE {TEMPLATE}")).await?;
    let pool = pool(server, TEMPLATE).await?;
    let migrated = pool.clone();
    // sqlx's migrator makes a future that cannot be spawned; a thread of its own can run it.
    spawn_blocking(move || Handle::current().block_on(MIGRATIONS.run(&migrated)))
        .await?
        .context("migrating the template database")?;
    pool.close().await;
    Ok(())
}

async fn toxiproxy(folder: &Path) -> Result<(Toxiproxy, SocketAddr)> {
    let Some(program) = genuine_toxiproxy() else {
        let server = ToxiproxyServer::start(([127, 0, 0, 1], 0).into()).await?;
        let address = server.address();
        return Ok((Toxiproxy::Embedded(server), address));
    };
    let port = free_port()?;
    let process = Launch::new("toxiproxy", program, folder)
        .args(["-host", "127.0.0.1", "-port", &port.to_string()])
        .spawn()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let ask = move || async move {
        tokio::net::TcpStream::connect(address).await?;
        Ok(())
    };
    until_ready(&process, TOXIPROXY_WITHIN, ask).await?;
    Ok((Toxiproxy::Genuine(process), address))
}

/// `toxiproxy-server` on PATH.
pub fn genuine_toxiproxy() -> Option<PathBuf> {
    program("toxiproxy-server")
}

async fn describe(
    postgres: &Postgres,
    rabbitmq: &RabbitMq,
    toxiproxy: &Toxiproxy,
) -> Result<Vec<String>> {
    let mut lines = postgres.describe().await?;
    let (version, erlang) = rabbitmq.management().version().await?;
    lines.push(format!("rabbitmq {version} on erlang {erlang}"));
    lines.push(match toxiproxy {
        Toxiproxy::Genuine(_) => "toxiproxy-server".to_owned(),
        Toxiproxy::Embedded(_) => "embedded toxiproxy".to_owned(),
    });
    Ok(lines)
}
