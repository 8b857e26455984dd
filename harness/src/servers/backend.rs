//! What the servers run as: child processes of this machine, containers, or servers that somebody else runs.

mod external;

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use tokio::task::block_in_place;

use crate::{
    ask::fault::Fault,
    os::causes::Causes,
    os::process::{Launch, until_ready},
    os::{path::program, port::free_port},
    servers::docker::{self, Daemon, Docker},
    servers::native::{self, Binaries},
    servers::{answers, postgres::Postgres, rabbitmq::RabbitMq, toxiproxy::Toxiproxy},
    wire::toxiproxy::ToxiproxyServer,
};
pub use external::External;

/// The plugin that needs a port.
const STOMP: &str = "rabbitmq_stomp";
const TOXIPROXY_WITHIN: Duration = Duration::from_secs(10);

/// Which one is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Kind {
    /// Docker if its daemon answers and the images are there or can be pulled, else native.
    #[default]
    Auto,
    /// Containers.
    Docker,
    /// Child processes, fetched from the distribution's packages where the machine lacks them.
    Native,
    /// Servers that run already, by their URLs. Faults that stop a server are left out.
    External,
}

impl Kind {
    /// As the command line writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Docker => "docker",
            Self::Native => "native",
            Self::External => "external",
        }
    }
}

/// Where the lab's servers come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Wanted {
    /// What the servers run as.
    #[arg(long, env = "LAB_BACKEND", default_value = "auto", value_enum)]
    pub backend: Kind,
    /// The details of each kind.
    #[command(flatten)]
    pub details: Details,
}

/// What a kind of backend needs to know.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Details {
    /// Images, for docker.
    #[command(flatten)]
    pub images: docker::Images,
    /// URLs, for external.
    #[command(flatten)]
    pub urls: external::Urls,
}

/// The same settings where there is no command line: from the environment alone.
#[derive(Debug, Parser)]
struct Environment {
    #[arg(
        long,
        env = "LAB_BACKEND",
        default_value = "auto",
        value_enum,
        value_delimiter = ','
    )]
    backend: Vec<Kind>,
    #[command(flatten)]
    details: Details,
}

impl Wanted {
    /// Child processes.
    pub fn native() -> Self {
        Self {
            backend: Kind::Native,
            details: Details::default(),
        }
    }

    /// What `LAB_BACKEND` names, one or several with commas between, and the variables that go with it.
    pub fn from_environment() -> Result<Vec<Self>> {
        let read =
            Environment::try_parse_from(["lab"]).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(read
            .backend
            .into_iter()
            .map(|backend| Self {
                backend,
                details: read.details.clone(),
            })
            .collect())
    }

    /// Why this backend cannot run a scenario with these faults, if it cannot.
    pub fn cannot(&self, faults: &[Fault]) -> Option<String> {
        let server = faults.iter().find_map(Fault::breaks_server)?;
        if faults.iter().any(|fault| fault.action.takes_disk()) {
            let why = match self.backend {
                Kind::Native => native::disk::is_impossible()?,
                Kind::Auto if docker::is_nowhere() => native::disk::is_impossible()?,
                Kind::Auto | Kind::Docker | Kind::External => {
                    "run it with --backend native".to_owned()
                }
            };
            return Some(format!("needs a disk of Postgres' own: {why}"));
        }
        (self.backend == Kind::External).then(|| {
            format!("stops {server:?}, and external servers are not the lab's to stop; run it with --backend native or docker")
        })
    }
}

/// A chosen backend.
pub enum Backend {
    /// Child processes.
    Native(Binaries),
    /// Containers.
    Docker(Docker),
    /// Servers of somebody else's.
    External(External),
}

impl Backend {
    /// Chooses, and says in one line which and why where nobody chose. Everything it starts belongs to `folder`'s run.
    pub async fn choose(wanted: &Wanted, folder: &Path, say: &dyn Fn(&str)) -> Result<Self> {
        match wanted.backend {
            Kind::Native => Self::native(say),
            Kind::External => Ok(Self::External(External::new(&wanted.details.urls)?)),
            Kind::Docker => Docker::open(&wanted.details.images, folder, say)
                .await
                .map(Self::Docker),
            Kind::Auto => match Docker::open(&wanted.details.images, folder, say).await {
                Ok(docker) => {
                    say("backend docker: its daemon answers and the images are there");
                    Ok(Self::Docker(docker))
                }
                Err(why) => {
                    say(&format!("backend native: {}", Causes(&why)));
                    Self::native(say)
                }
            },
        }
    }

    /// Which one was chosen.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Native(_) => Kind::Native,
            Self::Docker(_) => Kind::Docker,
            Self::External(_) => Kind::External,
        }
    }

    fn native(say: &dyn Fn(&str)) -> Result<Self> {
        Ok(Self::Native(block_in_place(|| Binaries::provide(say))?))
    }

    /// A Postgres of the lab's own, or the external one.
    pub async fn postgres(&self, name: &str, folder: &Path) -> Result<Postgres> {
        match self {
            Self::Native(binaries) => {
                Postgres::process(native::Postgres::boot(name, binaries, folder).await?).await
            }
            Self::Docker(docker) => docker.postgres(name).await,
            Self::External(servers) => servers.postgres().await,
        }
    }

    /// A Postgres of the lab's own, on a disk of its own.
    pub async fn postgres_on_disk(&self, name: &str, folder: &Path) -> Result<Postgres> {
        match self {
            Self::Native(binaries) => {
                let booted = native::Postgres::boot_on_disk(name, binaries, folder).await?;
                Postgres::process(booted).await
            }
            Self::Docker(_) | Self::External(_) => {
                bail!("only the native backend has a Postgres on a disk of its own")
            }
        }
    }

    /// A RabbitMQ of the lab's own, child processes with these plugins; or the external one.
    pub async fn rabbitmq(
        &self,
        name: &str,
        folder: &Path,
        plugins: &[String],
    ) -> Result<RabbitMq> {
        match self {
            Self::Native(binaries) => {
                let plugins: Vec<&str> = plugins.iter().map(String::as_str).collect();
                let listen = match plugins.contains(&STOMP) {
                    true => format!("stomp.listeners.tcp.1 = 127.0.0.1:{}", free_port()?),
                    false => String::new(),
                };
                let boot =
                    native::RabbitMq::boot_with(name, binaries, folder, &listen, &plugins).await;
                let broker = boot?;
                let (url, management) = (broker.url().parse()?, broker.management().clone());
                RabbitMq::at(url, management, broker).await
            }
            Self::Docker(docker) => docker.rabbitmq(name).await,
            Self::External(servers) => servers.rabbitmq().await,
        }
    }

    /// A Toxiproxy: a container's where there is one, the genuine program where it is on PATH, else the lab's own.
    pub async fn toxiproxy(&self, folder: &Path) -> Result<Toxiproxy> {
        if let Self::Docker(docker) = self
            && let Some(container) = docker.toxiproxy().await?
        {
            return Ok(container);
        }
        let Some(program) = program("toxiproxy-server") else {
            let server = ToxiproxyServer::start(([127, 0, 0, 1], 0).into()).await?;
            return Ok(Toxiproxy {
                api: server.address(),
                about: "embedded toxiproxy".to_owned(),
                server: Box::new(server),
            });
        };
        let port = free_port()?;
        let process = Launch::new("toxiproxy", program, folder)
            .args(["-host", "127.0.0.1", "-port", &port.to_string()])
            .spawn()?;
        let api = SocketAddr::from(([127, 0, 0, 1], port));
        until_ready(&process, TOXIPROXY_WITHIN, || answers::toxiproxy(api)).await?;
        Ok(Toxiproxy {
            api,
            about: "toxiproxy-server".to_owned(),
            server: Box::new(process),
        })
    }

    /// Whether what a run makes on the servers must be taken away again by hand.
    pub fn outlives_the_lab(&self) -> bool {
        matches!(self, Self::External(_))
    }
}

/// Removes containers that killed labs have left, if there is a daemon to ask.
pub async fn sweep_containers() -> Result<usize> {
    match Daemon::reach().await {
        Ok(daemon) => daemon
            .sweep()
            .await
            .context("removing containers of killed labs"),
        Err(_) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::scenario::Scenario;

    #[test]
    fn a_disk_of_its_own_is_had_where_the_servers_can_only_be_native() {
        let story = "story = 's'\n[workload]\nkeys = 1\nwrites = '1 at once'\n[[fault]]\nprocess = 'postgres'\ndo = 'cut power'\nat = '1s'\nfor = '1s'";
        let story: Scenario = toml::from_str(story).expect("a story");
        let faults = Fault::all(&story).expect("faults");
        let on = |backend| {
            let wanted = Wanted {
                backend,
                details: Details::default(),
            };
            wanted.cannot(&faults)
        };
        let elsewhere = "needs a disk of Postgres' own: run it with --backend native";
        assert_eq!(on(Kind::Docker).as_deref(), Some(elsewhere));
        assert_eq!(on(Kind::External).as_deref(), Some(elsewhere));
        match docker::is_nowhere() {
            true => assert_eq!(on(Kind::Auto), on(Kind::Native)),
            false => assert_eq!(on(Kind::Auto).as_deref(), Some(elsewhere)),
        }
    }
}
