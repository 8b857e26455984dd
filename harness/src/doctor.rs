//! What this machine can run, what is missing, and what to do about it.

use std::path::Path;

use crate::{
    backend::{Kind, Wanted},
    docker,
    native::{cache, packages},
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

/// Looks around. Starts and fetches nothing.
pub async fn examine(wanted: &Wanted) -> Vec<Finding> {
    let mut findings = native();
    findings.push(docker(wanted).await);
    findings
}

async fn docker(wanted: &Wanted) -> Finding {
    let (state, detail) = match docker::examine(&wanted.details.images).await {
        Ok(found) => (State::Ok, found.join(", ")),
        Err(why) if wanted.backend == Kind::Docker => (State::Missing, format!("{why:#}")),
        Err(why) => (State::Absent, format!("{why:#}")),
    };
    Finding {
        subject: "Docker",
        state,
        detail,
    }
}

fn native() -> Vec<Finding> {
    let (machine, cached) = (packages::on_machine(), packages::in_cache());
    let can_fetch =
        packages::program("apt-get").is_some() && packages::program("dpkg-deb").is_some();
    vec![
        server(
            "Postgres",
            machine.postgres.as_deref(),
            cached.postgres.as_deref(),
            can_fetch,
            "postgresql",
        ),
        server(
            "RabbitMQ",
            machine.rabbitmq.as_deref(),
            cached.rabbitmq.as_deref(),
            can_fetch,
            "rabbitmq-server",
        ),
        toxiproxy(),
        room("cache", &cache::folder()),
        room("temporary folder", &std::env::temp_dir()),
        processors(),
    ]
}

fn server(
    subject: &'static str,
    machine: Option<&Path>,
    cached: Option<&Path>,
    can_fetch: bool,
    package: &str,
) -> Finding {
    let (state, detail) = match (machine, cached) {
        (Some(folder), _) => (State::Ok, format!("on this machine, {}", folder.display())),
        (None, Some(folder)) => (
            State::Ok,
            format!("in the lab's cache, {}", folder.display()),
        ),
        (None, None) if can_fetch => (
            State::WillFetch,
            format!(
                "fetched as package {package} into {} when first needed",
                cache::folder().display()
            ),
        ),
        (None, None) => (
            State::Missing,
            format!("install {package} with this system's package manager"),
        ),
    };
    Finding {
        subject,
        state,
        detail,
    }
}

fn toxiproxy() -> Finding {
    let detail = match packages::program("toxiproxy-server") {
        Some(program) => format!("genuine, {}", program.display()),
        None => "embedded (no toxiproxy-server on PATH)".to_owned(),
    };
    Finding {
        subject: "Toxiproxy",
        state: State::Ok,
        detail,
    }
}

fn room(subject: &'static str, folder: &Path) -> Finding {
    // The folder itself may not be there yet.
    let there = folder
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"));
    let free = nix::sys::statvfs::statvfs(there)
        .map(|about| about.blocks_available() * about.fragment_size() / 1_000_000);
    let (state, detail) = match free {
        Ok(free) if free >= ROOM_MB => {
            (State::Ok, format!("{free} MB free in {}", folder.display()))
        }
        Ok(free) => (
            State::Missing,
            format!(
                "{free} MB free in {}, {ROOM_MB} MB wanted; free some, or set LAB_CACHE or TMPDIR",
                folder.display()
            ),
        ),
        Err(error) => (State::Missing, format!("{}: {error}", folder.display())),
    };
    Finding {
        subject,
        state,
        detail,
    }
}

fn processors() -> Finding {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Finding {
        subject: "processors",
        state: State::Ok,
        detail: format!("{count}"),
    }
}
