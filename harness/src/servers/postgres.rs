//! A Postgres server: where it is, who the lab is on it, and what it runs as.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use reqwest::Url;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::{
    body::Body,
    native,
    upstream::{Upstream, resolve, with_path},
};

/// What those connections of the lab's call themselves that last as long as a run.
pub const LAB: &str = "outbox-lab";
const PORT: u16 = 5432;
const SET_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running Postgres.
pub struct Postgres {
    url: Url,
    address: SocketAddr,
    body: Arc<dyn Body>,
    native: Option<Arc<native::Postgres>>,
    image: Option<String>,
    /// Databases that others are copied from. Locked while one is made or copied: two copies of one at once refuse each other.
    pub(super) templates: Mutex<BTreeSet<String>>,
}

impl Postgres {
    /// The server that `url` leads to, as a user who may create databases.
    pub async fn at(url: Url, body: impl Body + 'static) -> Result<Self> {
        Ok(Self {
            address: resolve(&url, PORT).await?,
            url,
            body: Arc::new(body),
            native: None,
            image: None,
            templates: Mutex::default(),
        })
    }

    /// A child process.
    pub async fn process(process: native::Postgres) -> Result<Self> {
        let process = Arc::new(process);
        let url = process.url("postgres").parse()?;
        Ok(Self {
            address: resolve(&url, PORT).await?,
            url,
            body: process.clone(),
            native: Some(process),
            image: None,
            templates: Mutex::default(),
        })
    }

    /// Names the image it runs from.
    #[must_use]
    pub fn from_image(mut self, image: &str) -> Self {
        self.image = Some(image.to_owned());
        self
    }

    /// The URL of one of its databases, around all edges.
    pub fn url(&self, database: &str) -> String {
        with_path(&self.url, database).to_string()
    }

    /// The same for those who stay: it is seen whose they are.
    pub fn observing_url(&self, database: &str) -> String {
        let mut url = with_path(&self.url, database);
        url.query_pairs_mut().append_pair("application_name", LAB);
        url.to_string()
    }

    /// One of its databases, for edges to lead to.
    pub fn database(&self, name: &str) -> Upstream {
        Upstream {
            address: self.address,
            url: with_path(&self.url, name),
        }
    }

    /// What one of its settings is; none if it has none of that name.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let mut connection = PgConnection::connect(self.url.as_str())
            .await
            .context("connecting to Postgres")?;
        let value = sqlx::query_scalar("SELECT current_setting($1, true)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(value)
    }

    /// Gives it another value for one of its settings, without a restart.
    pub async fn set(&self, name: &str, value: &str) -> Result<()> {
        let mut connection = PgConnection::connect(self.url.as_str())
            .await
            .context("connecting to Postgres")?;
        let sql: String =
            sqlx::query_scalar("SELECT format('ALTER SYSTEM SET %I = %L', $1::text, $2::text)")
                .bind(name)
                .bind(value)
                .fetch_one(&mut connection)
                .await?;
        let set = connection.execute(AssertSqlSafe(sql)).await;
        set.with_context(|| format!("setting {name} = {value:?}"))?;
        connection.execute("SELECT pg_reload_conf()").await?;
        connection.close().await?;
        let deadline = Instant::now() + SET_WITHIN;
        loop {
            // A session that is new has what the server has.
            let now = self.setting(name).await?;
            if now.as_deref() == Some(value) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "Postgres does not take {name} = {value:?} without a restart, or writes it otherwise: it is {now:?}"
            );
            sleep(LOOK_EVERY).await;
        }
    }

    /// What may be done to it.
    pub fn body(&self) -> &dyn Body {
        &*self.body
    }

    /// The child process, if it is one: its programs and its log are then on this machine.
    pub fn native(&self) -> Option<&native::Postgres> {
        self.native.as_deref()
    }

    /// Image, version and durability settings, one a line.
    pub async fn describe(&self) -> Result<Vec<String>> {
        let mut connection = PgConnection::connect(self.url.as_str())
            .await
            .context("connecting to Postgres")?;
        let mut lines: Vec<String> = self
            .image
            .iter()
            .map(|image| format!("postgres image = {image}"))
            .collect();
        for setting in [
            "server_version",
            "fsync",
            "synchronous_commit",
            "full_page_writes",
        ] {
            let value: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(&mut connection)
                .await?;
            lines.push(format!("postgres {setting} = {value}"));
        }
        Ok(lines)
    }
}
