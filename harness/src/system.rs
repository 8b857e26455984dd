//! The system under test: the real `outbox-service`, one process a role, every connection over an edge of its own.

mod launch;
mod life;

use std::{
    collections::BTreeMap, net::SocketAddr, path::PathBuf, process::ExitStatus, sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::{
    edge::EdgeControl,
    fault::{Party, Role, Server},
    native::free_port,
    process::{Process, Usage, until_ready},
    scenario,
    server::Upstream,
    tap::{Dialect, Link},
};
use launch::Launch;
pub use launch::as_service;
use life::{Asked, Life};

/// The roles that are processes of the system under test.
pub const PROCESSES: [Role; 3] = [Role::Api, Role::Relay, Role::Consumer];
/// How long a process may take until it says that it can work.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long a command of an operator may take.
const OPERATED_WITHIN: Duration = Duration::from_secs(30);
/// How long an orderly end may take; the service's own grace is shorter.
const END_WITHIN: Duration = Duration::from_secs(15);

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

/// One process of the system and how to start it again.
pub struct Member {
    /// Its role.
    pub role: Role,
    /// Its number within the role, from 1.
    pub number: u32,
    launch: Launch,
    http: SocketAddr,
    life: Mutex<Option<Life>>,
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
                tracing::warn!("{error:#}");
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

impl Member {
    /// `relay 2`.
    pub fn name(&self) -> String {
        format!("{} {}", self.role.name(), self.number)
    }

    /// Where its own `/readyz` and `/metrics` are, around all edges.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Starts it, if it does not run.
    pub async fn start(&self) -> Result<()> {
        let mut life = self.life.lock().await;
        if life.as_ref().is_none_or(|life| !life.process.is_running()) {
            *life = Some(Life::begin(self.launch.spawn()?));
        }
        Ok(())
    }

    /// Waits until its `/readyz` says yes.
    pub async fn wait_until_ready(&self, within: Duration) -> Result<()> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(2))
            .build()?;
        let url = format!("http://{}/readyz", self.http);
        let ask = || async {
            let answer = http.get(&url).send().await?;
            if !answer.status().is_success() {
                bail!("{}", answer.text().await?);
            }
            Ok(())
        };
        let process = self.process().await?;
        Ok(until_ready(&*process, within, ask).await?)
    }

    /// SIGKILL, and waits for the end.
    pub async fn kill(&self) -> Result<ExitStatus> {
        let process = self.asked_to_end(Asked::Killed).await?;
        let killed = process.clone();
        spawn_blocking(move || killed.kill()).await??;
        Ok(process.wait(END_WITHIN).await?)
    }

    /// SIGTERM, and waits for the end; what has not ended in time is killed, and that is its death. Does nothing to a
    /// process that has ended already.
    pub async fn terminate(&self) -> Result<()> {
        let process = self.asked_to_end(Asked::Terminated).await?;
        if process.is_running() {
            process.terminate()?;
        }
        if process.wait(END_WITHIN).await.is_err() {
            self.overdue().await;
            spawn_blocking(move || process.kill()).await??;
        }
        Ok(())
    }

    /// SIGSTOP; returns when the kernel shows it stopped.
    pub async fn freeze(&self) -> Result<()> {
        let process = self.process().await?;
        Ok(spawn_blocking(move || process.freeze()).await??)
    }

    /// SIGCONT; returns when the kernel shows it running.
    pub async fn thaw(&self) -> Result<()> {
        let process = self.process().await?;
        Ok(spawn_blocking(move || process.thaw()).await??)
    }

    /// Whether a fault has ended it and not started it again.
    pub async fn is_taken_away(&self) -> bool {
        let life = self.life.lock().await;
        life.as_ref().is_some_and(Life::is_taken_away)
    }

    /// How it ended, if that is not as it was asked to. Said once.
    pub async fn death(&self) -> Option<String> {
        self.life.lock().await.as_mut()?.death()
    }

    /// What it has used so far, and at most.
    pub async fn usage(&self) -> Result<Usage> {
        Ok(self.process().await?.usage()?)
    }

    async fn process(&self) -> Result<Arc<Process>> {
        let life = self.life.lock().await;
        Ok(life
            .as_ref()
            .ok_or_else(|| self.never_started())?
            .process
            .clone())
    }

    async fn asked_to_end(&self, asked: Asked) -> Result<Arc<Process>> {
        let mut life = self.life.lock().await;
        let life = life.as_mut().ok_or_else(|| self.never_started())?;
        life.asked(asked);
        Ok(life.process.clone())
    }

    async fn overdue(&self) {
        if let Some(life) = self.life.lock().await.as_mut() {
            life.asked(Asked::Overdue(END_WITHIN));
        }
    }

    fn never_started(&self) -> anyhow::Error {
        anyhow!("{} was never started", self.name())
    }
}
