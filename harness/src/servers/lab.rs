//! One environment for many runs: a Postgres, a RabbitMQ and a Toxiproxy, booted once. Each run gets a database and a
//! vhost of its own; a run that breaks a server gets a server of its own.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use async_trait::async_trait;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::task::spawn_blocking;

use crate::{
    os::causes::Causes,
    os::guard::{self, RunFolder},
    servers::backend::{Backend, Kind, Wanted, sweep_containers},
    servers::slots,
    servers::{postgres::Postgres, rabbitmq::RabbitMq, toxiproxy::Toxiproxy, upstream::Upstream},
    wire::edge::EdgeControl,
};

/// What a database begins with.
#[async_trait]
pub trait Beginning: Sync {
    /// Tells it from others, in lower-case letters and digits, if it is the same in every database: then it is made once on
    /// each server, and copied.
    fn key(&self) -> Option<String>;
    /// Puts it into an empty database.
    async fn put_into(&self, database: Upstream) -> Result<()>;
}

/// A running environment. Dropping it stops and removes everything that it started.
pub struct Lab {
    // Declared first, dropped first: servers end before their backend and folder go.
    postgres: Arc<Postgres>,
    rabbitmq: Arc<RabbitMq>,
    control: EdgeControl,
    toxiproxy: Toxiproxy,
    backend: Backend,
    plugins: Vec<String>,
    /// Databases and vhosts of runs under way, all of them named alike.
    made: std::sync::Mutex<BTreeSet<String>>,
    description: Vec<String>,
    folder: RunFolder,
}

impl Lab {
    /// Boots everything. `say` gets one line for each thing worth knowing.
    pub async fn start(wanted: &Wanted, say: impl Fn(&str)) -> Result<Self> {
        Self::start_with(wanted, &[], say).await
    }

    /// The same with more plugins in its brokers, as far as they are its own.
    pub async fn start_with(
        wanted: &Wanted,
        plugins: &[String],
        say: impl Fn(&str),
    ) -> Result<Self> {
        let began = Instant::now();
        let swept = spawn_blocking(guard::sweep).await?;
        let containers = sweep_containers().await.unwrap_or_else(|error| {
            say(&Causes(&error).to_string());
            0
        });
        let labs = swept.folders.len();
        if labs + containers > 0 {
            say(&format!(
                "removed what killed labs had left: {labs} folders, {containers} containers"
            ));
        }
        let folder = RunFolder::create()?;
        let backend = Backend::choose(wanted, folder.path(), &say).await?;
        let (postgres, rabbitmq, toxiproxy) = tokio::try_join!(
            backend.postgres("postgres", folder.path()),
            backend.rabbitmq("rabbitmq", folder.path(), plugins),
            backend.toxiproxy(folder.path()),
        )?;
        let control = EdgeControl::connect(toxiproxy.api)
            .await
            .context("connecting to Toxiproxy")?;
        let mut description = postgres.describe().await?;
        description.extend(rabbitmq.describe().await?);
        description.push(toxiproxy.about.clone());
        say(&format!(
            "servers ready in {:.1} s: {}",
            began.elapsed().as_secs_f64(),
            description.join(", ")
        ));
        Ok(Self {
            postgres: Arc::new(postgres),
            rabbitmq: Arc::new(rabbitmq),
            control,
            toxiproxy,
            backend,
            plugins: plugins.to_vec(),
            made: std::sync::Mutex::default(),
            description,
            folder,
        })
    }

    /// Takes away what would outlive this process: containers, and on servers that are not the lab's own what interrupted
    /// runs have made. For a lab that is dropped this is done before, or by the drop.
    pub async fn end(&self) -> Result<()> {
        if let Backend::Docker(docker) = &self.backend {
            return docker.remove_all().await;
        }
        if !self.backend.outlives_the_lab() {
            return Ok(());
        }
        let left = std::mem::take(&mut *self.made());
        for name in left {
            self.drop_database(&name).await?;
            self.delete_vhost(&name).await?;
        }
        Ok(())
    }

    /// What the servers run as.
    pub fn backend(&self) -> Kind {
        self.backend.kind()
    }

    /// Whether the database's clock is this machine's: not where somebody else's servers are used.
    pub fn shares_our_clock(&self) -> bool {
        !self.backend.outlives_the_lab()
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
        self.toxiproxy.api
    }

    /// The shared Postgres.
    pub fn postgres(&self) -> &Arc<Postgres> {
        &self.postgres
    }

    /// The shared RabbitMQ.
    pub fn rabbitmq(&self) -> &Arc<RabbitMq> {
        &self.rabbitmq
    }

    /// A Postgres that one run may break.
    pub async fn own_postgres(&self, name: &str) -> Result<Arc<Postgres>> {
        let name = format!("postgres-{name}");
        Ok(Arc::new(self.backend.postgres(&name, self.folder()).await?))
    }

    /// A Postgres that one run may break, down to the power of its disk.
    pub async fn own_postgres_on_disk(&self, name: &str) -> Result<Arc<Postgres>> {
        let name = format!("postgres-{name}");
        let booted = self.backend.postgres_on_disk(&name, self.folder()).await?;
        Ok(Arc::new(booted))
    }

    /// A RabbitMQ that one run may break.
    pub async fn own_rabbitmq(&self, name: &str) -> Result<Arc<RabbitMq>> {
        let name = format!("rabbitmq-{name}");
        let broker = self.backend.rabbitmq(&name, self.folder(), &self.plugins);
        Ok(Arc::new(broker.await?))
    }

    /// Makes a database that begins with something.
    pub async fn create_database(
        &self,
        server: &Postgres,
        name: &str,
        with: &dyn Beginning,
    ) -> Result<()> {
        self.made().insert(name.to_owned());
        // No template is left behind on somebody else's server.
        let key = with.key().filter(|_| !self.backend.outlives_the_lab());
        let Some(key) = key else {
            command(server, &format!("CREATE DATABASE {name}")).await?;
            return with.put_into(server.database(name)).await;
        };
        let template = format!("lab_template_{key}");
        let mut templates = server.templates.lock().await;
        if !templates.contains(&template) {
            // One that could not be filled is left from the try before.
            let drop = format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)");
            command(server, &drop).await?;
            command(server, &format!("CREATE DATABASE {template}")).await?;
            with.put_into(server.database(&template)).await?;
            templates.insert(template.clone());
        }
        let copy = format!("CREATE DATABASE {name} TEMPLATE {template}");
        command(server, &copy).await
    }

    /// Makes a vhost.
    pub async fn create_vhost(&self, server: &RabbitMq, name: &str) -> Result<()> {
        self.made().insert(name.to_owned());
        server.management().create_vhost(name).await
    }

    /// Removes a run's database from the shared server, and the slot of a run that died before it.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        slots::drop_of(&self.postgres.url("postgres"), name).await?;
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        command(&self.postgres, &drop).await
    }

    /// Removes a run's vhost from the shared broker.
    pub async fn delete_vhost(&self, name: &str) -> Result<()> {
        self.rabbitmq.management().delete_vhost(name).await
    }

    /// A run has tidied up behind it.
    pub fn tidied(&self, name: &str) {
        self.made().remove(name);
    }

    fn made(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.made
            .lock()
            .expect("never poisoned: no code panics under this lock")
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
