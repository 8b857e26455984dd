//! By what it is seen that a process can work.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use regex::bytes::Regex;
use tokio::{net::TcpStream, task::spawn_blocking};

use super::{launch::rendered, ports::Ports};
use crate::{
    ask::target::{
        placeholder::Values,
        process::{Port, Ready},
    },
    servers::vhost::Vhost,
};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// By what it is seen that a process can work.
#[derive(Debug, Clone)]
pub(super) enum Sign {
    /// That it runs.
    Running,
    /// This URL answers with success.
    Http(String),
    /// A line of its log.
    Log(Regex),
    /// This port takes connections.
    Tcp(SocketAddr),
    /// This file is written.
    File(PathBuf),
    /// This queue has a consumer; the URL leads around all edges. By the broker's word, which does not say whose it is.
    Consumes { queue: String, amqp_url: String },
}

/// What there was of a sign before a process was started.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    log: u64,
    file: Option<SystemTime>,
}

impl Sign {
    /// What the file says.
    pub fn of(ready: &Ready, values: &Values, ports: &Ports, amqp_url: String) -> Result<Self> {
        Ok(match ready {
            Ready::Unsaid => Self::Running,
            Ready::Http(path) => {
                Self::Http(format!("http://{}{}", ports.named("http")?, path.as_str()))
            }
            Ready::Log(pattern) => Self::Log(pattern.get().clone()),
            Ready::Tcp(Port::Free(name)) => Self::Tcp(ports.named(name)?),
            Ready::Tcp(Port::Fixed(port)) => Self::Tcp(([127, 0, 0, 1], *port).into()),
            Ready::File(text) => Self::File(rendered(text, values)?.into()),
            Ready::Consumes(queue) => Self::Consumes {
                queue: queue.as_str().to_owned(),
                amqp_url,
            },
        })
    }

    /// What there is of it now.
    pub fn before(&self, log: &Path) -> Before {
        Before {
            log: log.metadata().map_or(0, |about| about.len()),
            file: match self {
                Self::File(file) => written(file),
                _ => None,
            },
        }
    }

    /// Whether it shows, or what is seen instead.
    pub async fn shows(&self, before: &Before, log: &Path) -> Result<()> {
        match self {
            Self::Running => Ok(()),
            Self::Http(url) => {
                let answer = get(url).await?;
                if !answer.status().is_success() {
                    let status = answer.status();
                    bail!("{status}: {}", answer.text().await?);
                }
                Ok(())
            }
            Self::Log(pattern) => {
                let (pattern, log, from) = (pattern.clone(), log.to_owned(), before.log);
                let said = spawn_blocking(move || says(&log, from, &pattern)).await??;
                ensure!(said, "no line of its log matches");
                Ok(())
            }
            Self::Tcp(address) => {
                let connected = TcpStream::connect(address).await;
                connected.with_context(|| format!("connecting to {address}"))?;
                Ok(())
            }
            Self::File(file) => {
                let now = written(file);
                ensure!(now.is_some(), "there is no {}", file.display());
                ensure!(
                    now != before.file,
                    "{} is of an earlier start",
                    file.display()
                );
                Ok(())
            }
            Self::Consumes { queue, amqp_url } => {
                let vhost = Vhost::open(amqp_url).await?;
                let consumers = vhost.consumers(queue).await?;
                vhost.close().await?;
                match consumers {
                    None => bail!("there is no queue {queue}"),
                    Some(0) => bail!("the queue {queue} has no consumer"),
                    Some(_) => Ok(()),
                }
            }
        }
    }

    /// Whether the process hears what it is told, be it able to work or not.
    pub async fn lives(&self, before: &Before, log: &Path) -> Result<()> {
        match self {
            Self::Http(url) => get(url).await.map(drop),
            _ => self.shows(before, log).await,
        }
    }
}

async fn get(url: &str) -> Result<reqwest::Response> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(ANSWER_WITHIN)
        .build()?;
    Ok(http.get(url).send().await?)
}

fn written(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}

/// Whether a line of a log matches, from a place on.
fn says(log: &Path, from: u64, pattern: &Regex) -> io::Result<bool> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut said = Vec::new();
    file.read_to_end(&mut said)?;
    let mut lines = said.split(|byte| *byte == b'\n');
    Ok(lines.any(|line| pattern.is_match(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_was_logged_since_the_start_counts() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("relay-1.log");
        std::fs::write(&log, "ready on 1\n").unwrap();
        let sign = Sign::Log(Regex::new("^ready on [0-9]+$").unwrap());
        let first = sign.before(Path::new("/nonexistent"));
        sign.shows(&first, &log).await.unwrap();
        let second = sign.before(&log);
        assert!(sign.shows(&second, &log).await.is_err());
        std::fs::write(&log, "ready on 1\nalmost\nready on 2\n").unwrap();
        sign.shows(&second, &log).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_of_an_earlier_start_is_no_sign() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("up");
        let sign = Sign::File(file.clone());
        let log = Path::new("/nonexistent");
        let before = sign.before(log);
        let said = sign.shows(&before, log).await.unwrap_err().to_string();
        assert!(said.contains("there is no"), "{said}");
        std::fs::write(&file, "").unwrap();
        sign.shows(&before, log).await.unwrap();
        let again = sign.before(log);
        let said = sign.shows(&again, log).await.unwrap_err().to_string();
        assert!(said.contains("of an earlier start"), "{said}");
        let touched = SystemTime::now() + Duration::from_secs(1);
        let opened = File::options().write(true).open(&file).unwrap();
        opened.set_modified(touched).unwrap();
        sign.shows(&again, log).await.unwrap();
    }

    #[tokio::test]
    async fn a_port_shows_by_taking_connections() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let sign = Sign::Tcp(listener.local_addr().unwrap());
        let (before, log) = (Before::default(), Path::new("/nonexistent"));
        sign.shows(&before, log).await.unwrap();
        drop(listener);
        assert!(sign.shows(&before, log).await.is_err());
        Sign::Running.shows(&before, log).await.unwrap();
    }
}
