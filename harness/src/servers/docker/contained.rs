//! A program of a target's in a container: in the host's network, with a folder that it shares with the host, and killed for
//! real.

use std::{
    collections::BTreeMap,
    mem::ManuallyDrop,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use testcontainers::{
    ContainerAsync, GenericImage, ImageExt,
    bollard::{
        models::ContainerStateStatusEnum as Status,
        query_parameters::{KillContainerOptions, LogsOptions},
    },
    core::{ContainerRequest, Mount},
    runners::AsyncRunner,
};
use tokio::{
    fs::File,
    io::AsyncWriteExt,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    daemon::{Daemon, Mark, remove_aside},
    images::split,
};
use crate::os::process::{Started, log};

const DONE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What a container's exit code begins with where a signal has ended its program.
const BY_SIGNAL: i64 = 128;

/// A container that is wanted.
#[derive(Debug, Clone)]
pub struct Contents<'c> {
    /// What messages call it.
    pub name: &'c str,
    /// What it is made from.
    pub image: &'c str,
    /// What its program finds in its environment beside what the image says.
    pub env: &'c BTreeMap<String, String>,
    /// A folder that is at the same place inside.
    pub dir: &'c Path,
    /// Where its output is added.
    pub log: &'c Path,
    /// The folder of the environment that it belongs to.
    pub environment: &'c Path,
}

/// A running, or ended, container. Dropping it removes it.
pub struct Contained {
    name: String,
    log: PathBuf,
    daemon: Daemon,
    // Its own drop needs a runtime that is alive, and a lab may end after its runtime.
    inner: ManuallyDrop<ContainerAsync<GenericImage>>,
    pid: i32,
    _listener: AbortOnDropHandle<()>,
}

impl Contained {
    /// Creates and starts it.
    pub async fn start(wanted: &Contents<'_>) -> Result<Self> {
        let Contents { name, image, .. } = wanted;
        let daemon = Daemon::reach().await.with_context(|| {
            format!("{name} is the image {image}, and an image needs a Docker daemon; start one, or write run = with the program itself")
        })?;
        let (repository, tag) = split(image);
        let shared = wanted.dir.display().to_string();
        let request: ContainerRequest<GenericImage> = GenericImage::new(repository, tag)
            .with_network("host")
            .with_mount(Mount::bind_mount(shared.clone(), shared));
        let env = wanted.env.iter();
        let request = env.fold(request, |request, (name, value)| {
            request.with_env_var(name, value)
        });
        let request = Mark::of(wanted.environment)?.put_on(request);
        let inner = request.start().await;
        let inner = inner.with_context(|| format!("starting {name} from the image {image}"))?;
        let listener = listen(daemon.clone(), inner.id().to_owned(), wanted.log.to_owned());
        let about = daemon.api().inspect_container(inner.id(), None).await?;
        let pid = about.state.and_then(|state| state.pid).unwrap_or_default();
        Ok(Self {
            name: (*name).to_owned(),
            log: wanted.log.to_owned(),
            inner: ManuallyDrop::new(inner),
            pid: i32::try_from(pid)?,
            _listener: AbortOnDropHandle::new(tokio::spawn(listener)),
            daemon,
        })
    }

    /// Its first process, as the host counts them; 0 if it had ended at once.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// How it ended; `None` while it runs.
    pub async fn status(&self) -> Result<Option<ExitStatus>> {
        let (status, code) = self.state().await?;
        Ok(matches!(status, Status::EXITED | Status::DEAD).then(|| as_status(code)))
    }

    /// Sends a signal to its first process. Does nothing if it has ended.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        if self.status().await?.is_some() {
            return Ok(());
        }
        let options = KillContainerOptions {
            signal: signal.as_str().to_owned(),
        };
        let id = self.inner.id();
        let sent = self.daemon.api().kill_container(id, Some(options)).await;
        match sent {
            // It ended in between.
            Err(_) if self.status().await?.is_some() => Ok(()),
            sent => sent.with_context(|| format!("sending {signal} to {}", self.name)),
        }
    }

    /// SIGKILL to all its processes, frozen or not, and waits for the end.
    pub async fn kill(&self) -> Result<()> {
        if self.state().await?.0 == Status::PAUSED {
            self.thaw().await?;
        }
        self.signal(Signal::SIGKILL).await?;
        let deadline = Instant::now() + DONE_WITHIN;
        while self.status().await?.is_none() {
            if Instant::now() > deadline {
                bail!("{} lives {DONE_WITHIN:?} after SIGKILL", self.name);
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Stops all its processes where they stand.
    pub async fn freeze(&self) -> Result<()> {
        self.inner.pause().await?;
        self.until(Status::PAUSED).await
    }

    /// Lets them go on.
    pub async fn thaw(&self) -> Result<()> {
        self.inner.unpause().await?;
        self.until(Status::RUNNING).await
    }

    /// The last lines of its output, for error messages.
    pub fn tail(&self) -> String {
        log::tail(&self.log)
    }

    async fn state(&self) -> Result<(Status, i64)> {
        let id = self.inner.id();
        let about = self.daemon.api().inspect_container(id, None).await?;
        let state = about
            .state
            .ok_or_else(|| anyhow!("Docker says nothing of {}'s state", self.name))?;
        let status = state.status.unwrap_or(Status::EMPTY);
        Ok((status, state.exit_code.unwrap_or(0)))
    }

    async fn until(&self, wanted: Status) -> Result<()> {
        let deadline = Instant::now() + DONE_WITHIN;
        loop {
            let (status, _) = self.state().await?;
            if status == wanted {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} is {status} and not {wanted} after {DONE_WITHIN:?}",
                    self.name
                );
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Adds a container's output to a log for as long as there is any.
async fn listen(daemon: Daemon, id: String, to: PathBuf) {
    let options = LogsOptions {
        follow: true,
        stdout: true,
        stderr: true,
        ..LogsOptions::default()
    };
    let mut output = daemon.api().logs(&id, Some(options));
    let written = async {
        let mut log = File::options().create(true).append(true).open(&to).await?;
        while let Some(Ok(line)) = output.next().await {
            log.write_all(&line.into_bytes()).await?;
            log.flush().await?;
        }
        Ok::<_, std::io::Error>(())
    };
    if let Err(error) = written.await {
        tracing::warn!("{}: {error}", to.display());
    }
}

/// As the host has it of a child of its own.
fn as_status(code: i64) -> ExitStatus {
    let signal = i32::try_from(code - BY_SIGNAL).ok();
    match signal.filter(|signal| Signal::try_from(*signal).is_ok()) {
        Some(signal) => ExitStatus::from_raw(signal),
        None => ExitStatus::from_raw(i32::try_from(code & 0xff).unwrap_or_default() << 8),
    }
}

#[async_trait]
impl Started for Contained {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ended(&self) -> Result<Option<String>> {
        Ok(self.status().await?.map(|status| status.to_string()))
    }

    async fn log_tail(&self) -> String {
        self.tail()
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        remove_aside(self.inner.id());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_a_signal_ended_is_told_from_one_that_exited() {
        assert_eq!(as_status(137).signal(), Some(9));
        assert_eq!(as_status(143).signal(), Some(15));
        assert_eq!(as_status(3).code(), Some(3));
        assert_eq!(as_status(0).code(), Some(0));
        assert_eq!(as_status(255).code(), Some(255));
    }
}
