//! One bench's own part of the environment: a database, a vhost, and the processes that run on them. Relays have shared the
//! lanes when a start returns.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use outbox_harness::{
    ask::{scenario, target::Target},
    run::{auction::shares, own_servers::OwnServers},
    servers::lab::Lab,
    servers::native,
    system::{Place, Staging, System},
    wire::tap::Audience,
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

/// Deadlines under which an outage of a second is long: latency under faults is then a picture of the faults, not of a lease.
const SHORT: [(&str, &str); 7] = [
    ("OUTBOX_REQUEST_TIMEOUT_MS", "3000"),
    ("OUTBOX_POOL_WAIT_MS", "1500"),
    ("OUTBOX_LEASE_MS", "3000"),
    ("OUTBOX_CONFIRM_TIMEOUT_MS", "1000"),
    ("OUTBOX_POLL_MS", "500"),
    ("OUTBOX_RETRY_MAX_MS", "1000"),
    ("OUTBOX_HEARTBEAT_S", "2"),
];

/// A database and a vhost of a bench's own on the shared servers.
pub struct Site<'l> {
    pub servers: OwnServers,
    pub pool: PgPool,
    target: Target,
    lab: &'l Lab,
    name: String,
    folder: PathBuf,
}

/// How processes reach their servers.
pub enum Ways {
    /// They dial them themselves.
    Direct,
    /// Over an edge each, and who is told what passes.
    Edges(Option<Audience>),
}

/// What to run on a site.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cast {
    pub apis: u32,
    pub relays: u32,
    pub consumers: u32,
}

impl<'l> Site<'l> {
    pub async fn new(lab: &'l Lab) -> Result<Self> {
        let name = format!("bench_{}", Uuid::now_v7().simple());
        let folder = lab.folder().join(&name);
        tokio::fs::create_dir_all(&folder).await?;
        let target = Target::ours();
        let servers = OwnServers::prepare(lab, &[], &target, &name).await?;
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(10))
            .connect(&servers.database_url())
            .await
            .context("connecting to the bench's database")?;
        Ok(Self {
            servers,
            pool,
            target,
            lab,
            name,
            folder,
        })
    }

    /// Starts the service as shipped, every process dialling its servers itself.
    pub async fn start(&self, cast: Cast) -> Result<System> {
        self.start_on(Ways::Direct, cast).await
    }

    /// Starts the service as shipped.
    pub async fn start_on(&self, ways: Ways, cast: Cast) -> Result<System> {
        self.raise(cast.wanted(), ways).await
    }

    /// Starts relays as shipped, and nothing else.
    pub async fn start_relays(&self, relays: u32) -> Result<System> {
        self.start(Cast {
            relays,
            ..Cast::default()
        })
        .await
    }

    /// Starts the service with [short deadlines](SHORT) and an edge on every connection.
    pub async fn start_on_edges(&self, cast: Cast) -> Result<System> {
        let mut wanted = cast.wanted();
        let short = SHORT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        wanted.settings.extend(short);
        self.raise(wanted, Ways::Edges(None)).await
    }

    async fn raise(&self, wanted: scenario::System, ways: Ways) -> Result<System> {
        let (control, told) = match ways {
            Ways::Direct => (None, None),
            Ways::Edges(told) => (Some(self.lab.control()), told),
        };
        let place = Place {
            name: self.name.clone(),
            run: self.servers.run(),
            environment: self.lab.folder().to_owned(),
            folder: self.folder.clone(),
            told,
        };
        let staging = Staging {
            target: &self.target,
            story: &wanted,
            as_shipped: true,
        };
        let system = System::start(&staging, &self.servers.addresses(), control, &place).await?;
        let database = self.servers.database_url();
        match shares::not_fair_among(wanted.relays, &database).await? {
            Some(why) => bail!(why),
            None => Ok(system),
        }
    }

    /// Opens so many auctions.
    pub async fn open_auctions(&self, count: u64) -> Result<Vec<Uuid>> {
        // Named as the script of `pgbench` names them.
        let ids = sqlx::query_scalar(
            "INSERT INTO auctions (auction_id, title, currency, starting_price, closes_at)
             SELECT md5(n::text)::uuid, 'A lamp', 'EUR', 100, now() + interval '1 day'
             FROM generate_series(1, $1) AS n RETURNING auction_id",
        )
        .bind(count as i64)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids)
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database server itself, whose programs and log are on this machine.
    pub fn postgres(&self) -> Result<&native::Postgres> {
        let native = self.lab.postgres().native();
        native.context("benches run on the native backend")
    }

    /// The lab that it is part of.
    pub fn lab(&self) -> &Lab {
        self.lab
    }

    /// Removes it.
    pub async fn clear(self) -> Result<()> {
        self.pool.close().await;
        self.servers.remove(self.lab).await?;
        tokio::fs::remove_dir_all(&self.folder).await?;
        Ok(())
    }
}

impl Cast {
    fn wanted(self) -> scenario::System {
        scenario::System {
            apis: self.apis,
            relays: self.relays,
            consumers: self.consumers,
            settings: BTreeMap::new(),
            postgres: BTreeMap::new(),
        }
    }
}
