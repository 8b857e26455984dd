//! The system under test: the real `outbox-service`, one process a role, every connection over an edge of its own.

mod launch;
mod life;
mod member;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use tokio::sync::Mutex;

use crate::{
    ask::fault::{Party, Role, Server},
    ask::scenario,
    os::causes::Causes,
    os::port::free_port,
    servers::upstream::Upstream,
    wire::edge::EdgeControl,
    wire::tap::{Dialect, Link},
};
use launch::Launch;
pub use launch::as_service;
pub use member::Member;

/// The roles that are processes of the system under test.
pub const PROCESSES: [Role; 3] = [Role::Api, Role::Relay, Role::Consumer];
/// How long a process may take until it says that it can work.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long a command of an operator may take.
const OPERATED_WITHIN: Duration = Duration::from_secs(30);

/// What is behind the edges.
#[derive(Debug, Clone)]
pub struct Servers {
    /// The scenario's database.
    pub database: Upstream,
    /// The scenario's vhost.
    pub vhost: Upstream,
}

/// Where a run keeps its things.
#[derive(Debug, Clone)]
pub struct Place {
    /// Tells the run's edges from those of the others beside it.
    pub name: String,
    /// The environment's folder; its mark is on every process.
    pub environment: PathBuf,
    /// Logs and history of this run.
    pub folder: PathBuf,
}

/// A running system. Dropping it kills its processes.
pub struct System {
    members: Vec<Arc<Member>>,
    links: BTreeMap<(Role, u32, Role), Link>,
    operator: Launch,
}

/// A process of the API, as clients know it.
#[derive(Debug, Clone)]
pub struct Api {
    /// `api 1`.
    pub name: String,
    /// Its base URL, over its edge.
    pub url: String,
}

impl System {
    /// Makes the edges and starts the processes, and waits until each can work. Without `control` there are no edges:
    /// every process dials its servers itself, as a benchmark wants it.
    pub async fn start(
        wanted: &scenario::System,
        servers: &Servers,
        control: Option<&EdgeControl>,
        place: &Place,
    ) -> Result<Self> {
        let mut system = Self {
            members: Vec::new(),
            links: BTreeMap::new(),
            operator: Launch::operator(place, &wanted.settings)?,
        };
        system.operator.set("DATABASE_URL", servers.database.url());
        system.operator.set("AMQP_URL", servers.vhost.url());
        let roles = [
            (Role::Api, wanted.apis),
            (Role::Relay, wanted.relays),
            (Role::Consumer, wanted.consumers),
        ];
        for (role, count) in roles {
            for number in 1..=count {
                system
                    .add(role, number, wanted, servers, control, place)
                    .await?;
            }
        }
        try_join_all(system.members.iter().map(|member| async {
            member.start().await?;
            member.wait_until_ready(READY_WITHIN).await
        }))
        .await?;
        Ok(system)
    }

    async fn add(
        &mut self,
        role: Role,
        number: u32,
        wanted: &scenario::System,
        servers: &Servers,
        control: Option<&EdgeControl>,
        place: &Place,
    ) -> Result<()> {
        let http = SocketAddr::from((
            [127, 0, 0, 1],
            free_port().context("no port for a process")?,
        ));
        let mut launch = Launch::of(role, number, http, place, &wanted.settings)?;
        let postgres = Role::Server(Server::Postgres);
        let address = self
            .link(
                (role, number, postgres),
                servers.database.address,
                control,
                &place.name,
            )
            .await?;
        launch.set("DATABASE_URL", servers.database.over(address)?);
        if role == Role::Api {
            self.link(
                (Role::Client, number, Role::Api),
                http,
                control,
                &place.name,
            )
            .await?;
        } else {
            let rabbitmq = Role::Server(Server::RabbitMq);
            let address = self
                .link(
                    (role, number, rabbitmq),
                    servers.vhost.address,
                    control,
                    &place.name,
                )
                .await?;
            launch.set("AMQP_URL", servers.vhost.over(address)?);
        }
        self.members.push(Arc::new(Member {
            role,
            number,
            launch,
            http,
            life: Mutex::new(None),
        }));
        Ok(())
    }

    async fn link(
        &mut self,
        ends: (Role, u32, Role),
        upstream: SocketAddr,
        control: Option<&EdgeControl>,
        run: &str,
    ) -> Result<SocketAddr> {
        let Some(control) = control else {
            return Ok(upstream);
        };
        let (from, number, to) = ends;
        let name = format!("{run}-{}-{number}-{}", from.name(), to.name());
        let dialect = match to {
            Role::Server(Server::RabbitMq) => Dialect::Amqp,
            Role::Server(Server::Postgres) => Dialect::Postgres,
            _ => Dialect::Http,
        };
        let link = Link::create(control, &name, upstream, dialect)
            .await
            .with_context(|| format!("making the edge {name}"))?;
        let address = link.address();
        self.links.insert(ends, link);
        Ok(address)
    }

    /// The API's processes, over their edges.
    pub fn apis(&self) -> Vec<Api> {
        let apis = self
            .members
            .iter()
            .filter(|member| member.role == Role::Api);
        apis.map(|api| {
            let link = self.links.get(&(Role::Client, api.number, Role::Api));
            let address = link.map_or(api.http, Link::address);
            Api {
                name: api.name(),
                url: format!("http://{address}"),
            }
        })
        .collect()
    }

    /// Has an operator give the service a command, and waits until it is carried out.
    pub async fn operate(&self, command: &[&str]) -> Result<()> {
        let process = self.operator.with(command).spawn()?;
        let ended = process.wait(OPERATED_WITHIN).await?;
        ensure!(
            ended.success(),
            "{command:?}: {ended}: {}",
            process.log_tail()
        );
        Ok(())
    }

    /// All processes.
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The processes that `party` means.
    pub fn members_of(&self, party: Party) -> Result<Vec<Arc<Member>>> {
        let meant: Vec<_> = self
            .members
            .iter()
            .filter(|member| party.includes(member.role, member.number))
            .cloned()
            .collect();
        if meant.is_empty() {
            bail!(
                "the scenario runs no such process: {} {:?}",
                party.role.name(),
                party.number
            );
        }
        Ok(meant)
    }

    /// The edges between two parties. A server has no number, and of `client -> api 2` the second end has one.
    pub fn links_of(&self, from: Party, to: Party) -> Result<Vec<&Link>> {
        let number = from.number.or(to.number);
        let meant: Vec<&Link> = self
            .links
            .iter()
            .filter(|((start, at, end), _)| {
                *start == from.role && *end == to.role && number.is_none_or(|number| number == *at)
            })
            .map(|(_, link)| link)
            .collect();
        if meant.is_empty() {
            bail!(
                "the scenario has no edge {} -> {} of number {number:?}",
                from.role.name(),
                to.role.name()
            );
        }
        Ok(meant)
    }

    /// The edges that lead to a server.
    pub fn links_to(&self, server: Server) -> impl Iterator<Item = &Link> {
        self.links
            .iter()
            .filter(move |((_, _, to), _)| *to == Role::Server(server))
            .map(|(_, link)| link)
    }

    /// Asks every process of these roles to end, all at once, and waits until they have. How they did is
    /// [`Member::death`]'s to say.
    pub async fn stop(&self, roles: &[Role]) {
        let asked = self
            .members
            .iter()
            .filter(|member| roles.contains(&member.role));
        for stopped in join_all(asked.map(|member| member.terminate())).await {
            if let Err(error) = stopped {
                tracing::warn!("{}", Causes(&error));
            }
        }
    }

    /// Removes the proxies of the edges.
    pub async fn remove_edges(&self) -> Result<()> {
        for link in self.links.values() {
            link.edge().delete().await?;
        }
        Ok(())
    }
}
