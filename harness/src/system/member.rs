//! One process of the system: started, struck, and asked how it is.

use std::{net::SocketAddr, process::ExitStatus, sync::Arc, time::Duration};

use anyhow::{Result, anyhow, bail};
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{
    launch::Launch,
    life::{Asked, Life},
};
use crate::{
    ask::fault::Role,
    os::process::{Process, Usage, until_ready},
};

/// How long an orderly end may take; the service's own grace is shorter.
const END_WITHIN: Duration = Duration::from_secs(15);

/// One process of the system and how to start it again.
pub struct Member {
    /// Its role.
    pub role: Role,
    /// Its number within the role, from 1.
    pub number: u32,
    pub(super) launch: Launch,
    pub(super) http: SocketAddr,
    pub(super) life: Mutex<Option<Life>>,
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
        self.wait_for("readyz", within).await
    }

    /// Waits until it answers at all: from then on it hears what it is told, whether it can work or not.
    pub async fn wait_until_alive(&self, within: Duration) -> Result<()> {
        self.wait_for("healthz", within).await
    }

    async fn wait_for(&self, probe: &str, within: Duration) -> Result<()> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(2))
            .build()?;
        let url = format!("http://{}/{probe}", self.http);
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
