//! Processes of the service on a case's servers.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use outbox_harness::{
    os::port::free_port,
    os::process::{Launch, Process, until_ready},
};
use serde_json::Value;
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use crate::site::Site;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_outbox-service");
/// How long a process may take to start, to end, or to do what a command asks for.
pub const WITHIN: Duration = Duration::from_secs(20);

/// A process that serves. Dropped, it is killed.
pub struct Running {
    pub process: Process,
    pub http: SocketAddr,
}

/// What a process that does one thing had to say.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Running {
    /// Starts a role; `settings` are environment variables.
    pub fn start(site: &Site, role: &str, settings: &[(&str, &str)]) -> Result<Self> {
        Self::launch(site, role, PROGRAM, &[role], settings)
    }

    /// As [`Running::start`], with no more descriptors than that: softly, and at most.
    pub fn start_with_descriptors(
        site: &Site,
        role: &str,
        settings: &[(&str, &str)],
        (soft, hard): (u32, u32),
    ) -> Result<Self> {
        let limited = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec {PROGRAM} {role}");
        Self::launch(site, role, "sh", &["-c", &limited], settings)
    }

    fn launch(
        site: &Site,
        role: &str,
        program: &str,
        args: &[&str],
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let name = format!("{} {role} {}", site.name, http.port());
        let process = Launch::new(&name, program, &site.folder)
            .args(args)
            .without(outbox_service::settings())
            .env("DATABASE_URL", site.servers.database_url())
            .env("AMQP_URL", site.servers.amqp_url())
            .env("OUTBOX_HTTP_ADDR", http.to_string())
            .envs(
                settings
                    .iter()
                    .map(|(name, value)| ((*name).into(), (*value).into())),
            )
            .spawn()?;
        Ok(Self { process, http })
    }

    /// Starts a role and waits until it can work.
    pub async fn ready(site: &Site, role: &str, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start(site, role, settings)?.when_ready().await
    }

    /// The same with its log, all of it, redirected to what bash makes of `log`.
    pub async fn logging_to(site: &Site, role: &str, log: &str) -> Result<Self> {
        let script = format!("exec {PROGRAM} {role} --log debug 2> {log}");
        let running = Self::launch(site, role, "/bin/bash", &["-c", &script], &[])?;
        running.when_ready().await
    }

    /// Waits until it can work.
    pub async fn when_ready(self) -> Result<Self> {
        let ask = || async {
            let report = self.readyz().await?;
            ensure!(report["ready"] == true, "{report}");
            Ok(())
        };
        until_ready(&self.process, WITHIN, ask).await?;
        Ok(self)
    }

    /// Waits until it says that it can work.
    pub async fn until_ready(&self) -> Result<()> {
        until("ready", || async {
            let report = self.readyz().await?;
            Ok((report["ready"] == true, report.to_string()))
        })
        .await
    }

    /// Waits until it says that it cannot work, and of a dependency, in these words, why. It may be starting; ready it
    /// must not become.
    pub async fn until_refused(&self, dependency: &str, words: &str) -> Result<()> {
        until(&format!("{dependency} is refused: {words}"), || async {
            let Ok(report) = self.readyz().await else {
                return Ok((false, "no answer".to_owned()));
            };
            ensure!(report["ready"] == false, "{report}");
            let reason = report["dependencies"][dependency]["reason"].to_string();
            Ok((reason.contains(words), reason))
        })
        .await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// What `/readyz` says.
    pub async fn readyz(&self) -> Result<Value> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(3))
            .build()?;
        Ok(http.get(self.url("/readyz")).send().await?.json().await?)
    }

    /// All that it has logged.
    pub fn log(&self) -> Result<String> {
        std::fs::read_to_string(self.process.log()).context("reading a log")
    }

    /// Asks it to end and waits for it.
    pub async fn stop(&self) -> Result<()> {
        self.process.terminate()?;
        let status = self.process.wait(WITHIN).await?;
        ensure!(
            status.success(),
            "ended with {status}:\n{}",
            self.process.log_tail()
        );
        Ok(())
    }
}

/// Runs the service with `args` to its end, on `database`.
pub async fn run(site: &Site, database: &str, args: &[&str]) -> Result<Said> {
    run_with(site, database, args, &[]).await
}

/// The same with settings in its environment.
pub async fn run_with(
    site: &Site,
    database: &str,
    args: &[&str],
    settings: &[(&str, &str)],
) -> Result<Said> {
    let mut command = Command::new(PROGRAM);
    for setting in outbox_service::settings() {
        command.env_remove(setting);
    }
    let output = command
        .args(args)
        .env("DATABASE_URL", database)
        .env("AMQP_URL", site.servers.amqp_url())
        .env("OUTBOX_HTTP_ADDR", "127.0.0.1:0")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(WITHIN, output)
        .await
        .with_context(|| format!("{args:?} did not end within {WITHIN:?}"))??;
    Ok(Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Waits until `look` sees what `wanted` names, or fails with what it saw last.
pub async fn until<A>(wanted: &str, mut look: impl FnMut() -> A) -> Result<()>
where
    A: Future<Output = Result<(bool, String)>>,
{
    let deadline = Instant::now() + WITHIN;
    loop {
        let (seen, what) = look().await?;
        if seen {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "not within {WITHIN:?}: {wanted}; seen last: {what}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Until so many bids are applied.
pub async fn until_applied(site: &Site, bids: i64) -> Result<()> {
    let applied = "SELECT count(*) FROM inbox WHERE applied_at IS NOT NULL";
    until(&format!("{bids} bids applied"), || async {
        let applied: i64 = sqlx::query_scalar(applied).fetch_one(&site.pool).await?;
        Ok((applied == bids, applied.to_string()))
    })
    .await
}

/// Until so many sessions of the case's database wait for a lock.
pub async fn until_locked_out(site: &Site, sessions: i64) -> Result<()> {
    until(&format!("{sessions} sessions wait for a lock"), || async {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&site.pool)
        .await?;
        Ok((waiting >= sessions, waiting.to_string()))
    })
    .await
}
