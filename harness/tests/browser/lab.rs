//! The lab as a person starts it, beside the browser.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use outbox_harness::os::process::{Launch, Process};
use tokio::time::{Instant, sleep};

const LOOK_EVERY: Duration = Duration::from_millis(100);
const STARTED_WITHIN: Duration = Duration::from_secs(90);
const ENDED_WITHIN: Duration = Duration::from_secs(60);

pub struct Lab(Process);

impl Lab {
    /// Starts a command of it.
    pub fn start(folder: &Path, words: &[&str]) -> Result<Self> {
        let mut launch = Launch::new("lab", env!("CARGO_BIN_EXE_lab"), folder).args(words);
        // Of several backends a page needs one.
        if let Ok(backends) = std::env::var("LAB_BACKEND") {
            let first = backends.split(',').next().unwrap_or_default().to_owned();
            launch = launch.env("LAB_BACKEND", first);
        }
        Ok(Self(launch.spawn()?))
    }

    /// Waits until it has said a line that begins so, and says what stands behind.
    pub async fn says(&self, begins: &str) -> Result<String> {
        let deadline = Instant::now() + STARTED_WITHIN;
        loop {
            let text = std::fs::read_to_string(self.0.log())?;
            let found = text
                .lines()
                .find_map(|line| line.trim().strip_prefix(begins));
            if let Some(rest) = found {
                return Ok(rest.trim().to_owned());
            }
            let waits = Instant::now() < deadline && self.0.is_running();
            ensure!(
                waits,
                "the lab never said {begins:?}, but: {}",
                self.0.log_tail()
            );
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until it has ended, as well as it can.
    pub async fn ends_well(&self) -> Result<()> {
        let status = self.0.wait(ENDED_WITHIN).await?;
        ensure!(
            status.success(),
            "the lab ended with {status}: {}",
            self.0.log_tail()
        );
        Ok(())
    }

    /// Ends it, as Ctrl-C does.
    pub async fn interrupt(&self) -> Result<()> {
        self.0.signal(Signal::SIGINT)?;
        self.0.wait(ENDED_WITHIN).await.context("after Ctrl-C")?;
        Ok(())
    }
}
