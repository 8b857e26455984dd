//! One container of the lab's: started by testcontainers, broken and mended over Docker's API, removed with its handle.

use std::{
    collections::HashMap,
    mem::ManuallyDrop,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use futures_util::{StreamExt, future::BoxFuture};
use testcontainers::{
    ContainerAsync, GenericImage, ImageExt,
    bollard::{
        models::{ContainerStateStatusEnum as Status, PortBinding},
        query_parameters::{KillContainerOptions, LogsOptions},
    },
    core::{CmdWaitFor, ContainerRequest, ExecCommand},
    runners::AsyncRunner,
};
use tokio::time::{sleep, timeout};

use super::{
    READY_WITHIN,
    daemon::{Daemon, remove_aside},
};
use crate::{
    ask::fault::Resource,
    os::process::{Started, until_ready},
    servers::body::{self, Body},
};

const STOP_WITHIN: Duration = Duration::from_secs(30);
const KILL_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOG_LINES: &str = "20";

/// Asks a server over its own protocol whether it can work.
pub(super) type Ask = Box<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// How a container is reached from the host.
pub(super) enum Ports {
    /// On loopback only: host port, container port. They stay over stop and start.
    Mapped(Vec<(u16, u16)>),
    /// It has the host's own network.
    Host,
}

/// A container. Dropping it removes it with its data.
pub(super) struct Container {
    name: String,
    daemon: Daemon,
    // Its own drop needs a runtime that is alive, and a lab may end after its runtime.
    inner: ManuallyDrop<ContainerAsync<GenericImage>>,
    stop_signal: &'static str,
    ask: Ask,
}

impl Container {
    /// Creates and starts it. Whether it can work is asked with [`ready`](Self::ready).
    pub async fn start(
        daemon: &Daemon,
        name: &str,
        request: ContainerRequest<GenericImage>,
        ports: Ports,
        stop_signal: &'static str,
        ask: Ask,
    ) -> Result<Self> {
        let request = match ports {
            Ports::Host => request.with_network("host"),
            Ports::Mapped(ports) => request.with_host_config_modifier(move |host| {
                host.publish_all_ports = Some(false);
                host.port_bindings = Some(bindings(&ports));
            }),
        };
        Ok(Self {
            name: name.to_owned(),
            daemon: daemon.clone(),
            inner: ManuallyDrop::new(request.start().await?),
            stop_signal,
            ask,
        })
    }

    /// Waits until it can work.
    pub async fn ready(&self, within: Duration) -> Result<()> {
        Ok(until_ready(self, within, || (self.ask)()).await?)
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let options = KillContainerOptions {
            signal: signal.to_owned(),
        };
        let sent = self
            .daemon
            .api()
            .kill_container(self.inner.id(), Some(options));
        sent.await
            .with_context(|| format!("sending {signal} to the container {}", self.name))
    }

    async fn status(&self) -> Result<(Status, i64)> {
        let about = self
            .daemon
            .api()
            .inspect_container(self.inner.id(), None)
            .await?;
        let state = about.state.context("Docker says nothing of its state")?;
        Ok((
            state.status.unwrap_or(Status::EMPTY),
            state.exit_code.unwrap_or(0),
        ))
    }

    async fn until(&self, wanted: Status, within: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let (status, _) = self.status().await?;
            if status == wanted {
                return Ok(());
            }
            if began.elapsed() > within {
                bail!(
                    "the container {} is {status} and not {wanted} after {within:?}",
                    self.name
                );
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

fn bindings(ports: &[(u16, u16)]) -> HashMap<String, Option<Vec<PortBinding>>> {
    let binding = |host: u16| PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: Some(host.to_string()),
    };
    let ports = ports.iter();
    ports
        .map(|(host, container)| (format!("{container}/tcp"), Some(vec![binding(*host)])))
        .collect()
}

#[async_trait]
impl Body for Container {
    async fn start(&self) -> Result<()> {
        self.inner.start().await?;
        self.ready(READY_WITHIN).await
    }

    async fn stop(&self) -> Result<()> {
        self.signal(self.stop_signal).await?;
        self.until(Status::EXITED, STOP_WITHIN).await
    }

    async fn crash(&self) -> Result<()> {
        self.signal("SIGKILL").await?;
        self.until(Status::EXITED, KILL_WITHIN).await
    }

    async fn freeze(&self) -> Result<()> {
        self.inner.pause().await?;
        self.until(Status::PAUSED, KILL_WITHIN).await
    }

    async fn thaw(&self) -> Result<()> {
        self.inner.unpause().await?;
        self.until(Status::RUNNING, KILL_WITHIN).await
    }

    async fn alarm(&self, of: Resource, raised: bool) -> Result<()> {
        let command = std::iter::once("rabbitmqctl").chain(body::alarm(of, raised));
        let wanted = CmdWaitFor::exit_code(0);
        let command = ExecCommand::new(command).with_cmd_ready_condition(wanted);
        let ran = timeout(STOP_WITHIN, self.inner.exec(command)).await;
        ran.with_context(|| format!("rabbitmqctl took longer than {STOP_WITHIN:?}"))?
            .with_context(|| format!("rabbitmqctl in the container {}", self.name))?;
        Ok(())
    }
}

#[async_trait]
impl Started for Container {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ended(&self) -> Result<Option<String>> {
        let (status, code) = self.status().await?;
        let ended = matches!(status, Status::EXITED | Status::DEAD);
        Ok(ended.then(|| format!("exit code {code}")))
    }

    async fn log_tail(&self) -> String {
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            tail: LOG_LINES.to_owned(),
            ..LogsOptions::default()
        };
        let mut lines = String::new();
        let mut log = self.daemon.api().logs(self.inner.id(), Some(options));
        while let Some(Ok(line)) = log.next().await {
            lines.push_str(&line.to_string());
        }
        lines
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove_aside(self.inner.id());
    }
}
