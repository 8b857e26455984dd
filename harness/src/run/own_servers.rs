//! The servers of one run: shared ones, and its own where it breaks them.

mod letters;
mod refusal;
mod spoil;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::{
    ask::{
        fault::{Fault, Server},
        id::Run,
        target::{Target, need::Need, witness::Witness},
    },
    run::topology::{EXCHANGE, QUEUE},
    run::witness,
    servers::lab::Lab,
    servers::{
        body::Body,
        management::{Binding, Management},
        postgres::Postgres,
        rabbitmq::RabbitMq,
    },
    system::{Place, Servers, Setup},
};

/// A few beats of the longest lease that is in use here.
const SHARED_WITHIN: Duration = Duration::from_secs(40);
const UNBIND_TRIES: u32 = 5;
/// The vhost that every broker has, as a part of a URL.
const FIRST_VHOST: &str = "%2f";
/// The queues on the exchange; the witness first, so that it misses nothing when they are bound again.
const BOUND: [&str; 2] = [witness::QUEUE, QUEUE];

/// A run's database and vhost, and the servers they are on.
pub struct OwnServers {
    postgres: Arc<Postgres>,
    rabbitmq: Arc<RabbitMq>,
    own: Vec<Server>,
    name: String,
    /// Called as the database, or the broker's first where the run has a broker of its own.
    vhost: String,
    addresses: Servers,
    run: Run,
    /// Where a target that a file describes publishes.
    exchanges: Vec<String>,
    /// Bindings that a fault has taken away.
    unbound: Mutex<Vec<Binding>>,
}

impl OwnServers {
    /// Boots what the faults break, makes the run's database and vhost, and puts into them what is there before the target.
    pub async fn prepare(lab: &Lab, faults: &[Fault], target: &Target, name: &str) -> Result<Self> {
        let mut own: Vec<Server> = faults.iter().filter_map(Fault::breaks_server).collect();
        let vhost = match target.needs.contains(&Need::OwnRabbitmq) {
            true => {
                own.push(Server::RabbitMq);
                FIRST_VHOST
            }
            false => name,
        };
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
        lab.create_vhost(&rabbitmq, vhost).await?;
        let addresses = Servers {
            database: postgres.database(name),
            vhost: rabbitmq.vhost(vhost),
            management: rabbitmq.api(),
            stomp: rabbitmq.stomp().await?,
        };
        let run = run_of(name);
        let setup = Setup {
            target,
            servers: &addresses,
            place: &Place {
                name: name.to_owned(),
                run,
                environment: lab.folder().to_owned(),
                folder: lab.folder().join(format!("setup-{name}")),
                told: None,
            },
        };
        lab.create_database(&postgres, name, &setup).await?;
        setup.declare().await?;
        Ok(Self {
            postgres,
            rabbitmq,
            own,
            name: name.to_owned(),
            vhost: vhost.to_owned(),
            addresses,
            run,
            exchanges: exchanges(target),
            unbound: Mutex::default(),
        })
    }

    /// Where the edges lead.
    pub fn addresses(&self) -> Servers {
        self.addresses.clone()
    }

    /// What tells this run's operations from those of others.
    pub fn run(&self) -> Run {
        self.run
    }

    /// The run's database, around all edges.
    pub fn database_url(&self) -> String {
        self.postgres.url(&self.name)
    }

    /// The same for those of the lab's connections that stay.
    pub fn observing_url(&self) -> String {
        self.postgres.observing_url(&self.name)
    }

    /// The run's vhost, around all edges.
    pub fn amqp_url(&self) -> String {
        self.rabbitmq.url(&self.vhost)
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

    /// What the run's vhost is called.
    pub(super) fn vhost(&self) -> &str {
        &self.vhost
    }

    pub(super) fn management(&self) -> &Management {
        self.rabbitmq.management()
    }

    /// What the broker repeated to the service's consumer.
    pub async fn redelivered_to_consumer(&self) -> Result<u64> {
        self.rabbitmq
            .management()
            .redelivered(&self.vhost, QUEUE)
            .await
    }

    /// Takes the exchange's bindings away, and everybody's right to declare new ones or to bind the service's queue again.
    /// Read back.
    pub async fn unbind(&self) -> Result<&'static str> {
        let management = self.rabbitmq.management();
        if !self.exchanges.is_empty() {
            return self.unbind_all().await;
        }
        let mut bound: &[&str] = &BOUND;
        for _ in 0..UNBIND_TRIES {
            // Who unbinds a queue needs the same right as who binds it: the service may bind it again in between.
            management.permit(&self.vhost, ".*").await?;
            for queue in bound {
                management.unbind(&self.vhost, EXCHANGE, queue).await?;
            }
            let publish = format!("^(amq\\.default|{EXCHANGE}|{})$", witness::QUEUE);
            management.permit_only(&self.vhost, "^$", &publish).await?;
            if management.bindings(&self.vhost, EXCHANGE).await? == 0 {
                return Ok("exchange_without_bindings");
            }
            bound = &[QUEUE];
        }
        bail!("{EXCHANGE} was bound again {UNBIND_TRIES} times")
    }

    /// Undoes [`unbind`](Self::unbind). Read back.
    pub async fn bind_again(&self) -> Result<()> {
        let management = self.rabbitmq.management();
        if !self.exchanges.is_empty() {
            let taken = std::mem::take(&mut *self.unbound());
            for binding in taken {
                management.put_back(&self.vhost, &binding).await?;
            }
            return Ok(());
        }
        let [witness, queue] = BOUND;
        management.bind(&self.vhost, EXCHANGE, witness).await?;
        management.permit(&self.vhost, ".*").await?;
        management.bind(&self.vhost, EXCHANGE, queue).await?;
        let bound = management.bindings(&self.vhost, EXCHANGE).await?;
        if bound != BOUND.len() {
            bail!("{EXCHANGE} has {bound} bindings, not {}", BOUND.len());
        }
        Ok(())
    }

    /// Takes every queue's binding away from the exchanges that are listened to, and keeps it in mind. Read back.
    async fn unbind_all(&self) -> Result<&'static str> {
        let management = self.rabbitmq.management();
        for exchange in &self.exchanges {
            for binding in management.bound_to(&self.vhost, exchange).await? {
                management.take_away(&self.vhost, &binding).await?;
                self.unbound().push(binding);
            }
            let left = management.bound_to(&self.vhost, exchange).await?.len();
            ensure!(left == 0, "{exchange} still has {left} bindings");
        }
        Ok("exchange_without_bindings")
    }

    fn unbound(&self) -> MutexGuard<'_, Vec<Binding>> {
        self.unbound.lock().unwrap_or_else(PoisonError::into_inner)
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

fn run_of(name: &str) -> Run {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    Run::of(hasher.finish())
}

/// The exchanges on which a target is heard, where it is not the auction service.
fn exchanges(target: &Target) -> Vec<String> {
    if target.is_ours() {
        return Vec::new();
    }
    let exchange = |witness: &Witness| match witness {
        Witness::Exchange { name, .. } => Some(name.as_str().to_owned()),
        Witness::Queue(_) => None,
    };
    target.witnesses.iter().filter_map(exchange).collect()
}
