//! The docker backend: Postgres, RabbitMQ and Toxiproxy in containers, by testcontainers.
//!
//! A server keeps its host port over stops, kills and starts: the lab chooses the port, where Docker would draw another one
//! each time. Toxiproxy shares the host's network, because its edges lead to the service's processes on the host, too.

mod contained;
mod container;
mod daemon;
mod images;
mod recipe;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use testcontainers::{GenericImage, ImageExt, core::ContainerRequest};

use crate::{
    os::port::free_port,
    servers::{
        answers, management::Management, postgres::Postgres, rabbitmq::RabbitMq,
        toxiproxy::Toxiproxy,
    },
};
pub use contained::{Contained, Contents};
use container::{Ask, Container, Ports};
pub use daemon::{Daemon, is_nowhere};
use daemon::{Mark, Run};
use images::Image;
pub use images::{Images, Place};
pub use recipe::{USUAL, build, recipes};

/// A first start initialises its data on a disk that may be slow.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Two schedulers are enough for a lab, and none of them may burn a core while it waits.
const ERLANG: &str = "+S 2:2 +SDcpu 1:1 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none";
const BROKER_CONFIGURATION: &str = "loopback_users = none\ndisk_free_limit.absolute = 50MB\n\
                                    collect_statistics_interval = 1000\n";

/// A daemon with the images that a lab needs, and the containers of one run.
pub struct Docker {
    daemon: Daemon,
    postgres: Image,
    rabbitmq: Image,
    toxiproxy: Option<Image>,
    run: Run,
}

impl Docker {
    /// Finds the daemon and the images, pulling what is not there. Containers are marked as `folder`'s run.
    pub async fn open(wanted: &Images, folder: &Path, say: &dyn Fn(&str)) -> Result<Self> {
        let daemon = Daemon::reach().await?;
        Ok(Self {
            postgres: wanted.postgres(&daemon, say).await?,
            rabbitmq: wanted.rabbitmq(&daemon, say).await?,
            toxiproxy: wanted.toxiproxy(&daemon, say).await?,
            run: Run::open(Mark::of(folder)?),
            daemon,
        })
    }

    /// Starts a Postgres with a fresh cluster.
    pub async fn postgres(&self, name: &str) -> Result<Postgres> {
        let port = free_port()?;
        let url = format!("postgres://lab@127.0.0.1:{port}/postgres");
        let settings = [
            "max_connections=400",
            "shared_buffers=256MB",
            "fsync=on",
            "synchronous_commit=on",
            "track_commit_timestamp=on",
            "wal_level=logical",
            "max_replication_slots=64",
        ];
        let command = settings.iter().flat_map(|setting| ["-c", setting]);
        let request = self
            .postgres
            .request()
            .with_env_var("POSTGRES_USER", "lab")
            .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
            .with_env_var(
                "POSTGRES_INITDB_ARGS",
                "--no-sync --encoding=UTF8 --locale=C",
            )
            .with_shm_size(256 << 20)
            .with_cmd(["postgres"].into_iter().chain(command));
        let asked = url.clone();
        let ask: Ask = Box::new(move || {
            let asked = asked.clone();
            Box::pin(async move { answers::postgres(&asked).await })
        });
        let ports = Ports::Mapped(vec![(port, 5432)]);
        let container = self.start(name, request, ports, "SIGINT", ask).await?;
        let server = Postgres::at(url.parse()?, container).await?;
        Ok(server.from_image(&self.postgres.to_string()))
    }

    /// Starts a fresh broker.
    pub async fn rabbitmq(&self, name: &str) -> Result<RabbitMq> {
        let (amqp, api) = (free_port()?, free_port()?);
        let url = format!("amqp://guest:guest@127.0.0.1:{amqp}/%2f");
        let management = Management::new(&format!("http://guest:guest@127.0.0.1:{api}").parse()?)?;
        let request = self
            .rabbitmq
            .request()
            // Its data folder is named after the host.
            .with_hostname("rabbitmq")
            .with_env_var("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG)
            // Erlang makes a table as large as the limit of open files, which a daemon may set to a billion.
            .with_env_var("ERL_MAX_PORTS", "65536")
            .with_copy_to(
                "/etc/rabbitmq/conf.d/90-lab.conf",
                BROKER_CONFIGURATION.as_bytes().to_vec(),
            );
        let asked = (url.clone(), management.clone());
        let ask: Ask = Box::new(move || {
            let (url, management) = asked.clone();
            Box::pin(async move { answers::rabbitmq(&url, &management).await })
        });
        let ports = Ports::Mapped(vec![(amqp, 5672), (api, 15672)]);
        let container = self.start(name, request, ports, "SIGTERM", ask).await?;
        let broker = RabbitMq::at(url.parse()?, management, container).await?;
        Ok(broker.from_image(&self.rabbitmq.to_string()))
    }

    /// Starts Toxiproxy, if there is an image of it.
    pub async fn toxiproxy(&self) -> Result<Option<Toxiproxy>> {
        let Some(image) = &self.toxiproxy else {
            return Ok(None);
        };
        let port = free_port()?;
        let api = ([127, 0, 0, 1], port).into();
        let request = image
            .request()
            .with_cmd(["--host=127.0.0.1".to_owned(), format!("--port={port}")]);
        let ask: Ask = Box::new(move || Box::pin(answers::toxiproxy(api)));
        let container = self
            .start("toxiproxy", request, Ports::Host, "SIGTERM", ask)
            .await?;
        Ok(Some(Toxiproxy {
            api,
            about: format!("toxiproxy image = {image}"),
            server: Box::new(container),
        }))
    }

    /// Removes every container of this run.
    pub async fn remove_all(&self) -> Result<()> {
        Ok(self.daemon.remove_run(self.run.mark()).await?)
    }

    async fn start(
        &self,
        name: &str,
        request: ContainerRequest<GenericImage>,
        ports: Ports,
        stop_signal: &'static str,
        ask: Ask,
    ) -> Result<Container> {
        let request = self.run.mark().put_on(request);
        let container = Container::start(&self.daemon, name, request, ports, stop_signal, ask)
            .await
            .with_context(|| format!("starting the container {name}"))?;
        container.ready(READY_WITHIN).await?;
        Ok(container)
    }
}
