//! A case's own database and vhost, and the rows that it begins with.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use outbox_harness::{
    ask::target::Target, run::own_servers::OwnServers, servers::lab::Lab,
    servers::management::Management,
};
use sqlx::{
    ConnectOptions, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

/// A database and a vhost.
pub struct Site {
    /// What both are called.
    pub name: String,
    /// Where processes leave their logs.
    pub folder: PathBuf,
    pub management: Management,
    pub servers: OwnServers,
    pub pool: PgPool,
}

impl Site {
    pub async fn new(lab: &Lab) -> Result<Self> {
        let name = format!("case_{}", Uuid::now_v7().simple());
        let servers = OwnServers::prepare(lab, &[], &Target::ours(), &name).await?;
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(10))
            .connect(&servers.database_url())
            .await
            .context("connecting to the case's database")?;
        Ok(Self {
            name,
            folder: lab.folder().to_owned(),
            management: lab.rabbitmq().management().clone(),
            servers,
            pool,
        })
    }

    /// A connection with the planner settings of the relay and the consumer.
    pub async fn tuned(&self) -> Result<PgConnection> {
        let options: PgConnectOptions = self.servers.database_url().parse()?;
        Ok(options.options(outbox_service::BY_INDEX).connect().await?)
    }

    /// Appends `events` of one auction, as the service writes them, from `first` on.
    pub async fn append(&self, auction_id: Uuid, first: i64, events: i64) -> Result<()> {
        append(&self.pool, auction_id, first, events).await
    }

    /// Auctions of one lane.
    pub async fn same_lane(&self) -> Result<Vec<Uuid>> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT md5(n::text)::uuid FROM generate_series(1, 10000) AS n
             WHERE uuid_hash(md5(n::text)::uuid) & 63 = 5 LIMIT 40",
        )
        .fetch_all(&self.pool)
        .await?;
        anyhow::ensure!(ids.len() == 40, "too few auctions share a lane");
        Ok(ids)
    }

    pub async fn clear(self, lab: &Lab) -> Result<()> {
        self.pool.close().await;
        self.servers.remove(lab).await
    }
}

/// As [`Site::append`], in somebody's transaction.
pub async fn append<'c>(
    executor: impl sqlx::PgExecutor<'c>,
    auction_id: Uuid,
    first: i64,
    events: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO outbox_events (id, event_type, payload, auction_id, sequence)
         SELECT gen_random_uuid(), 'auction.v1.BidPlaced',
                jsonb_build_object(
                    'bidId', gen_random_uuid(), 'userId', 'ann', 'amount', (1000 + n)::text,
                    'timestamp', '2026-01-01T00:00:00.123456Z', 'auctionId', $1::uuid, 'sequence', n::text),
                $1, n
         FROM generate_series($2, $2 + $3 - 1) AS n ORDER BY n",
    )
    .bind(auction_id)
    .bind(first)
    .bind(events)
    .execute(executor)
    .await?;
    Ok(())
}
