//! What was started, program or container, and what can be done to it.

use std::{process::ExitStatus, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{
    os::process::{Process, Started, Usage},
    servers::docker::Contained,
};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What was started. Dropping the last of it kills it.
#[derive(Clone)]
pub(super) enum Running {
    /// A child of the lab's.
    Program(Arc<Process>),
    /// The daemon's.
    Image(Arc<Contained>),
}

impl Running {
    /// How it ended; `None` while it runs.
    pub async fn status(&self) -> Result<Option<ExitStatus>> {
        match self {
            Self::Program(process) => Ok(process.ended()?),
            Self::Image(container) => container.status().await,
        }
    }

    /// Whether it has not ended.
    pub async fn is_running(&self) -> bool {
        matches!(self.status().await, Ok(None))
    }

    /// Waits until it has ended.
    pub async fn wait(&self, within: Duration) -> Result<ExitStatus> {
        let container = match self {
            Self::Program(process) => return Ok(process.wait(within).await?),
            Self::Image(container) => container,
        };
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = container.status().await? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                let (name, tail) = (container.name(), container.tail());
                bail!("{name} did not end within {within:?}; its log ends with:\n{tail}");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends it a signal, and none of those that it has started. Does nothing if it has ended.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        match self {
            Self::Program(process) => Ok(process.signal(signal)?),
            Self::Image(container) => container.signal(signal).await,
        }
    }

    /// SIGKILL to it and all that it has started; returns when they are dead.
    pub async fn kill(&self) -> Result<()> {
        match self.clone() {
            Self::Program(process) => Ok(spawn_blocking(move || process.kill()).await??),
            Self::Image(container) => container.kill().await,
        }
    }

    /// Stops it and all that it has started where they stand; returns when they do.
    pub async fn freeze(&self) -> Result<()> {
        match self.clone() {
            Self::Program(process) => Ok(spawn_blocking(move || process.freeze()).await??),
            Self::Image(container) => container.freeze().await,
        }
    }

    /// Lets them go on.
    pub async fn thaw(&self) -> Result<()> {
        match self.clone() {
            Self::Program(process) => Ok(spawn_blocking(move || process.thaw()).await??),
            Self::Image(container) => container.thaw().await,
        }
    }

    /// What it has used so far, and at most.
    pub fn usage(&self) -> Result<Usage> {
        match self {
            Self::Program(process) => Ok(process.usage()?),
            Self::Image(container) => {
                bail!(
                    "what the container {} uses is not measured",
                    container.name()
                )
            }
        }
    }

    /// The leader of its process group.
    pub fn leader(&self) -> i32 {
        match self {
            Self::Program(process) => process.pid(),
            Self::Image(container) => container.pid(),
        }
    }

    /// The last lines of its output, for error messages.
    pub fn tail(&self) -> String {
        match self {
            Self::Program(process) => process.log_tail(),
            Self::Image(container) => container.tail(),
        }
    }

    /// The same, as what is waited for until it can work.
    pub fn started(&self) -> &dyn Started {
        match self {
            Self::Program(process) => &**process,
            Self::Image(container) => &**container,
        }
    }
}
