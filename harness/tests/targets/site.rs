//! A case's own database and vhost, and an edge to each.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use outbox_harness::{
    ask::id::{Id, Run},
    ask::target::Target,
    ask::wire::Dialect,
    run::write::{Ways, Writer},
    servers::lab::{Beginning, Lab},
    servers::upstream::Upstream,
    system::Api,
    wire::tap::{Link, Spot},
};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// Longer than a broker takes on a busy machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The run of every case: each has servers' names of its own.
pub const RUN: u64 = 14;

pub struct Site {
    pub name: String,
    pub lab: Arc<Lab>,
    pub pool: PgPool,
    database: Upstream,
    vhost: Upstream,
    /// `client -> postgres`.
    pub to_postgres: Link,
    /// `lab -> rabbitmq`: the lab's own connections never go over one, and here they are to be cut.
    pub to_rabbitmq: Link,
}

/// A database with nothing in it.
struct Empty;

#[async_trait]
impl Beginning for Empty {
    fn key(&self) -> Option<String> {
        None
    }

    async fn put_into(&self, _: Upstream) -> Result<()> {
        Ok(())
    }
}

impl Site {
    pub async fn new(lab: &Arc<Lab>) -> Result<Self> {
        let name = format!("case_{}", Uuid::now_v7().simple());
        lab.create_database(lab.postgres(), &name, &Empty).await?;
        lab.create_vhost(lab.rabbitmq(), &name).await?;
        let (database, vhost) = (lab.postgres().database(&name), lab.rabbitmq().vhost(&name));
        let link = async |to: &str, upstream: &Upstream, dialect| {
            let name = format!("{name}-{to}");
            Link::create(
                lab.control(),
                &name,
                upstream.address,
                dialect,
                Spot::default(),
            )
            .await
        };
        Ok(Self {
            pool: PgPoolOptions::new()
                .max_connections(6)
                .acquire_timeout(Duration::from_secs(10))
                .connect(&database.url())
                .await
                .context("connecting to the case's database")?,
            to_postgres: link("postgres", &database, Dialect::Postgres).await?,
            to_rabbitmq: link("rabbitmq", &vhost, Dialect::Amqp).await?,
            database,
            vhost,
            lab: lab.clone(),
            name,
        })
    }

    pub fn id(&self, key: u16, number: u32) -> Id {
        Id {
            run: Run::of(RUN),
            key,
            number,
        }
    }

    pub fn database_url(&self) -> String {
        self.database.url()
    }

    pub fn amqp_url(&self) -> String {
        self.vhost.url()
    }

    pub fn database_url_over_the_edge(&self) -> Result<String> {
        self.database.over(self.to_postgres.address())
    }

    pub fn amqp_url_over_the_edge(&self) -> Result<String> {
        self.vhost.over(self.to_rabbitmq.address())
    }

    /// A client of a target, over the edge to Postgres.
    pub fn writer(&self, target: &Target, api: Option<String>) -> Result<Writer> {
        let apis = api.map(|url| Api {
            name: "api 1".to_owned(),
            url,
        });
        let ways = Ways {
            apis: apis.into_iter().collect(),
            postgres: Some(self.database.over(self.to_postgres.address())?),
            observer: self.pool.clone(),
        };
        Writer::new(target, ways)
    }

    /// Carries statements out, around the edge.
    pub async fn sql(&self, statements: &str) -> Result<()> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        statements.execute(&self.pool).await?;
        Ok(())
    }

    pub async fn count(&self, table: &str) -> Result<i64> {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    pub async fn clear(self) -> Result<()> {
        let lab = &self.lab;
        self.pool.close().await;
        self.to_postgres.edge().delete().await?;
        self.to_rabbitmq.edge().delete().await?;
        lab.drop_database(&self.name).await?;
        lab.delete_vhost(&self.name).await?;
        lab.tidied(&self.name);
        Ok(())
    }

    /// A publisher in the case's vhost.
    pub async fn publisher(&self) -> Result<Publisher> {
        Publisher::at(&self.amqp_url()).await
    }
}

/// Somebody who publishes.
pub struct Publisher {
    pub channel: Channel,
    _connection: Connection,
}

impl Publisher {
    pub async fn at(amqp_url: &str) -> Result<Self> {
        let open = async {
            let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            let confirms = channel.confirm_select(ConfirmSelectOptions::default());
            confirms.await?;
            Ok(Self {
                channel,
                _connection: connection,
            })
        };
        let opened = timeout(ANSWER_WITHIN, open).await;
        opened.context("the broker did not let a publisher in")?
    }

    pub async fn exchange(&self, name: &str, kind: ExchangeKind) -> Result<()> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let declare =
            self.channel
                .exchange_declare(name.into(), kind, durable, FieldTable::default());
        Ok(declare.await?)
    }

    pub async fn queue(&self, name: &str) -> Result<()> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        self.channel
            .queue_declare(name.into(), durable, FieldTable::default())
            .await?;
        Ok(())
    }

    pub async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &str,
        properties: BasicProperties,
    ) -> Result<()> {
        let options = BasicPublishOptions::default();
        let publish = self.channel.basic_publish(
            exchange.into(),
            key.into(),
            options,
            body.as_bytes(),
            properties,
        );
        let confirmed = timeout(ANSWER_WITHIN, async { publish.await?.await }).await;
        confirmed.with_context(|| format!("{body} was not confirmed"))??;
        Ok(())
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so().await? {
        if Instant::now() > deadline {
            bail!("it did not come to be that {what}");
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
