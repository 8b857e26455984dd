//! `[setup]`: what is there before any process is started. What goes into the run's database, and what is declared in its
//! vhost.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{
    Servers,
    addresses::Addresses,
    launch::{Launch, rendered, surroundings},
    place::Place,
    ports::Ports,
    staging::Staging,
};
use crate::{
    ask::{
        scenario,
        target::{
            Target,
            placeholder::{Placeholder, Values},
        },
    },
    servers::{lab::Beginning, upstream::Upstream, vhost::Vhost},
};

/// How long a migration may take.
const RUN_WITHIN: Duration = Duration::from_secs(120);
const SQL_WITHIN: Duration = Duration::from_secs(60);

/// What a target's databases begin with.
pub struct Setup<'t> {
    /// Whose.
    pub target: &'t Target,
    /// The run's servers; their database is whichever is being made.
    pub servers: &'t Servers,
    /// Where its log is.
    pub place: &'t Place,
}

#[async_trait]
impl Beginning for Setup<'_> {
    fn key(&self) -> Option<String> {
        let setup = &self.target.setup;
        let first = &self.target.processes[0];
        let is_empty = setup.run.is_none() && setup.sql.is_none();
        if is_empty || !setup.stays_in_the_database(first) {
            return None;
        }
        let content = (&self.target.folder, &setup.run, &setup.sql);
        let mut hasher = DefaultHasher::new();
        format!("{content:?} {:?} {:?}", first.env, first.files).hash(&mut hasher);
        Some(format!("{:016x}", hasher.finish()))
    }

    async fn put_into(&self, database: Upstream) -> Result<()> {
        let servers = Servers {
            database,
            ..self.servers.clone()
        };
        let setup = &self.target.setup;
        if setup.run.is_some() {
            let line = setup.line;
            let ran = self.run(&servers).await;
            ran.with_context(|| format!("[setup] run, line {line} of the target's file"))?;
        }
        if setup.sql.is_some() {
            self.sql(&servers).await.context("[setup] sql")?;
        }
        Ok(())
    }
}

impl Setup<'_> {
    fn values(&self, servers: &Servers) -> Result<Values> {
        let setup = &self.target.setup;
        let first = &self.target.processes[0];
        let command = setup.run.iter().flat_map(|command| command.placeholders());
        let sql = setup.sql.iter().flat_map(|sql| sql.placeholders());
        let open = command.chain(sql).chain(first.surroundings());
        let values = surroundings(open, self.target.folder.as_deref(), Values::default())
            .with(Placeholder::Run, self.place.run.to_string());
        Addresses::of(servers).tell(values)
    }

    async fn run(&self, servers: &Servers) -> Result<()> {
        let Some(command) = &self.target.setup.run else {
            return Ok(());
        };
        let first = &self.target.processes[0];
        let name = "setup";
        let ports = Ports::draw(first)?;
        let dir = self.place.dir_of(name).display().to_string();
        let values = ports
            .tell(self.values(servers)?)
            .with(Placeholder::Dir, dir)
            .with(Placeholder::ProcessNumber, "1");
        let story = scenario::System::default();
        let staging = Staging {
            target: self.target,
            story: &story,
            as_shipped: true,
        };
        let launch = Launch::of(command, first, &staging, &values, (name, self.place))?;
        tokio::fs::create_dir_all(&self.place.folder).await?;
        let process = launch.spawn().await?;
        let ended = process.wait(RUN_WITHIN).await?;
        ensure!(
            ended.success(),
            "{ended}; its log ends with:\n{}",
            process.tail()
        );
        Ok(())
    }

    async fn sql(&self, servers: &Servers) -> Result<()> {
        let Some(sql) = &self.target.setup.sql else {
            return Ok(());
        };
        let sql = rendered(sql, &self.values(servers)?)?;
        let mut connection = PgConnection::connect(&servers.database.url()).await?;
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection);
        tokio::time::timeout(SQL_WITHIN, done)
            .await
            .with_context(|| format!("not done within {SQL_WITHIN:?}"))??;
        Ok(connection.close().await?)
    }

    /// Declares what nobody else declares.
    pub async fn declare(&self) -> Result<()> {
        let setup = &self.target.setup;
        if setup.exchanges.is_empty() && setup.queues.is_empty() {
            return Ok(());
        }
        let vhost = Vhost::open(&self.servers.vhost.url()).await?;
        for exchange in &setup.exchanges {
            let (name, kind) = (exchange.name.as_str(), exchange.kind.name());
            vhost.exchange(name, kind).await?;
        }
        for queue in &setup.queues {
            vhost.queue(queue.as_str()).await?;
        }
        vhost.close().await
    }
}
