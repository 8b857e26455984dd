//! What this machine can run, what is missing, and what to do about it.

use std::path::Path;

use crate::{
    backend::{Kind, Wanted},
    docker,
    native::{
        cache,
        packages::{self, Found},
        surroundings::{self, Need},
        user, zones,
    },
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

/// A package of which something is needed: what it is called, the package, and where it was found.
type Part = (&'static str, &'static str, fn(&Found) -> Option<String>);

const PARTS: [Part; 4] = [
    ("Postgres", "postgresql", |found| {
        place(found.postgres.as_deref())
    }),
    ("RabbitMQ", "rabbitmq-server", |found| {
        place(found.rabbitmq.as_deref())
    }),
    ("time zones", zones::PACKAGE, |found| {
        found.zones.then(String::new)
    }),
    ("user's name", user::PACKAGE, |found| {
        found.user_name.then(String::new)
    }),
];

fn place(folder: Option<&Path>) -> Option<String> {
    folder.map(|folder| format!(", {}", folder.display()))
}

fn native() -> Vec<Finding> {
    let (machine, cached) = (packages::on_machine(), packages::in_cache());
    let can_fetch =
        packages::program("apt-get").is_some() && packages::program("dpkg-deb").is_some();
    let mut findings: Vec<Finding> = PARTS
        .iter()
        .map(|part| look_for(part, &machine, &cached, can_fetch))
        .collect();
    findings.extend(surroundings::needs().into_iter().map(surrounding));
    findings.extend([
        toxiproxy(),
        room("cache", &cache::folder()),
        room("temporary folder", &std::env::temp_dir()),
        processors(),
    ]);
    findings
}

fn look_for(part: &Part, machine: &Found, cached: &Found, can_fetch: bool) -> Finding {
    let (subject, package, found) = *part;
    let cache = cache::folder();
    let (state, detail) = match (found(machine), found(cached)) {
        (Some(place), _) => (State::Ok, format!("on this machine{place}")),
        (None, Some(place)) => (State::Ok, format!("in the lab's cache{place}")),
        (None, None) if can_fetch => (
            State::WillFetch,
            format!(
                "fetched as package {package} into {} when first needed",
                cache.display()
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

fn surrounding(need: Need) -> Finding {
    let (state, detail) = match need.found {
        Ok(detail) => (State::Ok, detail),
        Err(detail) => (State::Missing, detail),
    };
    Finding {
        subject: need.subject,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state(subject: &str, machine: &Found, cached: &Found, can_fetch: bool) -> State {
        let part = PARTS.iter().find(|part| part.0 == subject).unwrap();
        look_for(part, machine, cached, can_fetch).state
    }

    #[test]
    fn time_zones_that_only_the_package_has_are_fetched_where_that_can_be_done() {
        let (nothing, zones) = (
            Found::default(),
            Found {
                zones: true,
                ..Found::default()
            },
        );
        assert_eq!(
            state("time zones", &nothing, &nothing, true),
            State::WillFetch
        );
        assert_eq!(
            state("time zones", &nothing, &nothing, false),
            State::Missing
        );
        assert_eq!(state("time zones", &nothing, &zones, false), State::Ok);
        assert_eq!(state("time zones", &zones, &nothing, false), State::Ok);
    }

    #[test]
    fn what_cannot_be_fetched_is_missing() {
        let finding = surrounding(Need {
            subject: "loopback",
            found: Err("bring it up".to_owned()),
        });
        assert_eq!(finding.state, State::Missing);
    }
}
