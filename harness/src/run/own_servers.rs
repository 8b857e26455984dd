//! The servers of one run: shared ones, and its own where it breaks them.

mod letters;
mod refusal;
mod spoil;

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::{
    ask::fault::{Fault, Server},
    run::topology::{EXCHANGE, QUEUE},
    run::witness,
    servers::lab::Lab,
    servers::{body::Body, management::Management, postgres::Postgres, rabbitmq::RabbitMq},
    system::Servers,
};

/// A few beats of the longest lease that is in use here.
const SHARED_WITHIN: Duration = Duration::from_secs(40);
const UNBIND_TRIES: u32 = 5;
/// The queues on the exchange; the witness first, so that it misses nothing when they are bound again.
const BOUND: [&str; 2] = [witness::QUEUE, QUEUE];

/// A run's database and vhost, and the servers they are on.
pub struct OwnServers {
    postgres: Arc<Postgres>,
    rabbitmq: Arc<RabbitMq>,
    own: Vec<Server>,
    name: String,
}

impl OwnServers {
    /// Boots what the faults break, and makes the run's database and vhost.
    pub async fn prepare(lab: &Lab, faults: &[Fault], name: &str) -> Result<Self> {
        let own: Vec<Server> = faults.iter().filter_map(Fault::breaks_server).collect();
        let postgres = async {
            if own.contains(&Server::Postgres) {
                lab.own_postgres(name).await
            } else {
                Ok(lab.postgres().clone())
            }
        };
        let rabbitmq = async {
            if own.contains(&Server::RabbitMq) {
                lab.own_rabbitmq(name).await
            } else {
                Ok(lab.rabbitmq().clone())
            }
        };
        let (postgres, rabbitmq) = tokio::try_join!(postgres, rabbitmq)?;
        lab.create_database(&postgres, name).await?;
        lab.create_vhost(&rabbitmq, name).await?;
        Ok(Self {
            postgres,
            rabbitmq,
            own,
            name: name.to_owned(),
        })
    }

    /// Where the edges lead.
    pub fn addresses(&self) -> Servers {
        Servers {
            database: self.postgres.database(&self.name),
            vhost: self.rabbitmq.vhost(&self.name),
        }
    }

    /// The run's database, around all edges.
    pub fn database_url(&self) -> String {
        self.postgres.url(&self.name)
    }

    /// The run's vhost, around all edges.
    pub fn amqp_url(&self) -> String {
        self.rabbitmq.url(&self.name)
    }

    /// Waits until `relays` relays share the lanes fairly, and says so if they never come to. A relay that starts beside
    /// others gets its share with the next beat of theirs; what is done to one before that is done to a relay without work.
    pub async fn lanes_not_shared_by(&self, relays: u32) -> Result<Option<String>> {
        if relays == 0 {
            return Ok(None);
        }
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        let deadline = Instant::now() + SHARED_WITHIN;
        loop {
            let shared: bool = sqlx::query_scalar(
                "SELECT count(*) = $1 AND max(lanes) <= ceil((SELECT count(*) FROM relay_lanes)::float8 / $1) FROM (
                     SELECT owner, count(*) AS lanes FROM relay_lanes
                     WHERE lease_until > clock_timestamp() AND NOT draining GROUP BY owner) AS owned",
            )
            .bind(i64::from(relays))
            .fetch_one(&mut connection)
            .await?;
            if shared {
                connection.close().await?;
                return Ok(None);
            }
            if Instant::now() > deadline {
                return Ok(Some(format!(
                    "{relays} relays did not come to share the lanes within {SHARED_WITHIN:?}"
                )));
            }
            sleep(Duration::from_millis(30)).await;
        }
    }

    /// What the run's database and vhost are called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn management(&self) -> &Management {
        self.rabbitmq.management()
    }

    /// What the broker repeated to the service's consumer.
    pub async fn redelivered_to_consumer(&self) -> Result<u64> {
        self.rabbitmq
            .management()
            .redelivered(&self.name, QUEUE)
            .await
    }

    /// Takes the exchange's bindings away, and everybody's right to declare new ones or to bind the service's queue again.
    /// Read back.
    pub async fn unbind(&self) -> Result<&'static str> {
        let management = self.rabbitmq.management();
        let mut bound: &[&str] = &BOUND;
        for _ in 0..UNBIND_TRIES {
            // Who unbinds a queue needs the same right as who binds it: the service may bind it again in between.
            management.permit(&self.name, ".*").await?;
            for queue in bound {
                management.unbind(&self.name, EXCHANGE, queue).await?;
            }
            let publish = format!("^(amq\\.default|{EXCHANGE}|{})$", witness::QUEUE);
            management.permit_only(&self.name, "^$", &publish).await?;
            if management.bindings(&self.name, EXCHANGE).await? == 0 {
                return Ok("exchange_without_bindings");
            }
            bound = &[QUEUE];
        }
        bail!("{EXCHANGE} was bound again {UNBIND_TRIES} times")
    }

    /// Undoes [`unbind`](Self::unbind). Read back.
    pub async fn bind_again(&self) -> Result<()> {
        let management = self.rabbitmq.management();
        let [witness, queue] = BOUND;
        management.bind(&self.name, EXCHANGE, witness).await?;
        management.permit(&self.name, ".*").await?;
        management.bind(&self.name, EXCHANGE, queue).await?;
        let bound = management.bindings(&self.name, EXCHANGE).await?;
        if bound != BOUND.len() {
            bail!("{EXCHANGE} has {bound} bindings, not {}", BOUND.len());
        }
        Ok(())
    }

    /// A server to break.
    pub fn of(&self, server: Server) -> Result<&dyn Body> {
        if !self.own.contains(&server) {
            bail!("{server:?} is shared with other runs and must not be broken");
        }
        Ok(match server {
            Server::Postgres => self.postgres.body(),
            Server::RabbitMq => self.rabbitmq.body(),
        })
    }

    /// Removes database and vhost from shared servers; own servers end with this value.
    pub async fn remove(self, lab: &Lab) -> Result<()> {
        if !self.own.contains(&Server::Postgres) {
            lab.drop_database(&self.name).await?;
        }
        if !self.own.contains(&Server::RabbitMq) {
            lab.delete_vhost(&self.name).await?;
        }
        lab.tidied(&self.name);
        Ok(())
    }
}
