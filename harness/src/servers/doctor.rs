//! What this machine can run, what is missing, and what to do about it.

mod native;

use std::{path::Path, time::Duration};

use anyhow::Result;
use tokio::time::timeout;

use crate::{
    os::causes::Causes,
    os::guard::RunFolder,
    os::path::program,
    servers::backend::{Details, External, Kind, Wanted},
    servers::docker,
};

/// One thing the lab needs or may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub subject: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub detail: String,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There.
    Ok,
    /// Not there, and fetched when first needed.
    WillFetch,
    /// Not there, and not needed.
    Absent,
    /// Not there; the detail says what helps.
    Missing,
}

/// Room that the cache and a run need, in MB.
const ROOM_MB: u64 = 1_000;
/// For an external server.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

impl Finding {
    fn new(subject: &'static str, found: Result<String, String>) -> Self {
        let (state, detail) = match found {
            Ok(detail) => (State::Ok, detail),
            Err(detail) => (State::Missing, detail),
        };
        Self {
            subject,
            state,
            detail,
        }
    }

    fn of(subject: &'static str, found: Result<String>) -> Self {
        Self::new(subject, found.map_err(|why| Causes(&why).to_string()))
    }
}

/// Looks at what a run with these servers would use, and tries what it would try; starts no server and fetches nothing.
pub async fn examine(wanted: &Wanted) -> Vec<Finding> {
    let mut findings = match wanted.backend {
        Kind::Native => chosen("native, as was asked for", native::examine()),
        Kind::Docker => chosen("docker, as was asked for", docker(&wanted.details).await),
        Kind::External => {
            let servers = external(&wanted.details).await;
            chosen("external, as was asked for", servers)
        }
        Kind::Auto => {
            let containers = docker(&wanted.details).await;
            match containers.iter().find(|f| f.state == State::Missing) {
                None => chosen("docker: its daemon answers", containers),
                Some(why) => {
                    let mut found = chosen("native, for there is no docker", native::examine());
                    found.push(Finding {
                        subject: "Docker",
                        state: State::Absent,
                        detail: why.detail.clone(),
                    });
                    found
                }
            }
        }
    };
    if findings.iter().all(|found| found.subject != "Toxiproxy") {
        findings.push(toxiproxy());
    }
    findings.extend([temporary_folder(), processors()]);
    findings
}

fn chosen(what: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let backend = Finding::new("backend", Ok(what.to_owned()));
    [backend].into_iter().chain(findings).collect()
}

/// The daemon, and each image: here, or where it would be pulled from.
async fn docker(details: &Details) -> Vec<Finding> {
    let daemon = match docker::Daemon::reach().await {
        Ok(daemon) => daemon,
        Err(why) => return vec![Finding::of("Docker", Err(why))],
    };
    let mut findings = vec![Finding::of("Docker", Ok(daemon.to_string()))];
    for (subject, image) in details.images.look_up(&daemon).await {
        findings.push(match image {
            Ok(docker::Place::Here(image)) => Finding::of(subject, Ok(image.to_string())),
            Ok(docker::Place::Registry(name)) => Finding {
                subject,
                state: State::WillFetch,
                detail: format!("{name}, pulled when first needed"),
            },
            Err(why) => Finding::of(subject, Err(why)),
        });
    }
    findings
}

async fn external(details: &Details) -> Vec<Finding> {
    let servers = match External::new(&details.urls) {
        Ok(servers) => servers,
        Err(why) => return vec![Finding::of("URLs", Err(why))],
    };
    let postgres = async { Ok(servers.postgres().await?.describe().await?.join(", ")) };
    let rabbitmq = async { Ok(servers.rabbitmq().await?.describe().await?.join(", ")) };
    vec![
        Finding::of("Postgres", answers(postgres).await),
        Finding::of("RabbitMQ", answers(rabbitmq).await),
    ]
}

async fn answers(asked: impl Future<Output = Result<String>>) -> Result<String> {
    timeout(ANSWERS_WITHIN, asked)
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {ANSWERS_WITHIN:?}")))
}

/// Made and removed, as a run makes it.
fn temporary_folder() -> Finding {
    match RunFolder::create() {
        Ok(_folder) => room("temporary folder", &std::env::temp_dir()),
        Err(why) => Finding::of("temporary folder", Err(why.into())),
    }
}

/// Where no container is.
fn toxiproxy() -> Finding {
    let detail = match program("toxiproxy-server") {
        Some(program) => format!("genuine, {}", program.display()),
        None => "embedded (no toxiproxy-server on PATH)".to_owned(),
    };
    Finding::new("Toxiproxy", Ok(detail))
}

fn room(subject: &'static str, folder: &Path) -> Finding {
    // The folder itself may not be there yet.
    let there = folder
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"));
    let free = nix::sys::statvfs::statvfs(there)
        .map(|about| about.blocks_available() * about.fragment_size() / 1_000_000);
    let found = match free {
        Ok(free) if free >= ROOM_MB => Ok(format!("{free} MB free in {}", folder.display())),
        Ok(free) => Err(format!(
            "{free} MB free in {}, {ROOM_MB} MB wanted; free some, or set LAB_CACHE or TMPDIR",
            folder.display()
        )),
        Err(error) => Err(format!("{}: {error}", folder.display())),
    };
    Finding::new(subject, found)
}

fn processors() -> Finding {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Finding::new("processors", Ok(count.to_string()))
}
