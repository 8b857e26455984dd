//! The servers of one run: shared ones, and its own where it breaks them.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, bail, ensure};

use crate::{
    ask::{
        fault::{Fault, Server},
        id::Run,
        target::{Target, need::Need, witness::Witness},
    },
    servers::lab::Lab,
    servers::{
        body::Body,
        management::{Binding, Management},
        postgres::Postgres,
        rabbitmq::RabbitMq,
    },
    system::{Place, Servers, Setup},
};

/// The vhost that every broker has, as a part of a URL.
const FIRST_VHOST: &str = "%2f";

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
    /// Where the target publishes.
    exchanges: Vec<String>,
    /// Where its events wait.
    outbox: Option<String>,
    /// Whether it binds its queue again by itself, whenever it finds no binding.
    binds_again: bool,
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
            if faults.iter().any(|fault| fault.action.takes_disk()) {
                lab.own_postgres_on_disk(name).await
            } else if own.contains(&Server::Postgres) {
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
            outbox: target
                .outbox
                .as_ref()
                .map(|outbox| outbox.table.to_string()),
            binds_again: target.is_ours(),
            unbound: Mutex::default(),
        })
    }

    /// Sets its own Postgres.
    pub async fn set(&self, settings: &BTreeMap<String, String>) -> Result<()> {
        let is_own = self.own.contains(&Server::Postgres);
        ensure!(
            is_own || settings.is_empty(),
            "[system] postgres has settings, and no fault of the scenario breaks Postgres: it is everybody's"
        );
        for (name, value) in settings {
            self.postgres.set(name, value).await?;
        }
        Ok(())
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

    /// What the run's vhost is called.
    pub(super) fn vhost(&self) -> &str {
        &self.vhost
    }

    /// What the run's database is called.
    pub(super) fn database(&self) -> &str {
        &self.name
    }

    /// The server's first database, around all edges: for what cannot be said of a database from within it.
    pub(super) fn maintenance_url(&self) -> String {
        self.postgres.observing_url("postgres")
    }

    /// The exchanges on which the target is heard.
    pub(super) fn exchanges(&self) -> &[String] {
        &self.exchanges
    }

    /// The table of the target's outbox, if its file names one.
    pub(super) fn outbox(&self) -> Option<&str> {
        self.outbox.as_deref()
    }

    pub(super) fn management(&self) -> &Management {
        self.rabbitmq.management()
    }

    /// Takes every queue's binding away from the exchanges that are listened to. Read back.
    pub async fn unbind(&self) -> Result<&'static str> {
        match self.binds_again {
            true => self.unbind_for_good().await,
            false => self.unbind_all().await,
        }
    }

    /// Undoes [`unbind`](Self::unbind).
    pub async fn bind_again(&self) -> Result<()> {
        if self.binds_again {
            return self.permit_to_bind().await;
        }
        let taken = std::mem::take(&mut *self.unbound());
        for binding in taken {
            let management = self.rabbitmq.management();
            management.put_back(&self.vhost, &binding).await?;
        }
        Ok(())
    }

    /// Takes them away, and keeps them in mind.
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

/// The exchanges on which a target is heard.
fn exchanges(target: &Target) -> Vec<String> {
    let exchange = |witness: &Witness| match witness {
        Witness::Exchange { name, .. } => Some(name.as_str().to_owned()),
        Witness::Queue(_) => None,
    };
    target.witnesses.iter().filter_map(exchange).collect()
}
