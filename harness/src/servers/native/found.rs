//! What there is of the servers' programs: on this machine, or unpacked in the cache.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{cache, libraries::children, user, zones};
use crate::os::path::program;

/// The cache's entry with everything that was unpacked.
pub(super) const UNPACKED: &str = "packages";

/// What there is without fetching anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Folder with `postgres` and `initdb`.
    pub postgres: Option<PathBuf>,
    /// RabbitMQ's home, with an Erlang on the machine.
    pub rabbitmq: Option<PathBuf>,
    /// Whether there are time zones for Postgres.
    pub zones: bool,
    /// Whether the user has a name, or can be lent one.
    pub user_name: bool,
}

impl Found {
    /// Whether nothing has to be fetched.
    pub fn is_complete(&self) -> bool {
        self.postgres.is_some() && self.rabbitmq.is_some() && self.zones && self.user_name
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self {
            postgres: self.postgres.or(other.postgres),
            rabbitmq: self.rabbitmq.or(other.rabbitmq),
            zones: self.zones || other.zones,
            user_name: self.user_name || other.user_name,
        }
    }

    /// The packages with what was not found.
    pub fn missing(&self) -> Vec<&'static str> {
        [
            (self.postgres.is_some(), "postgresql"),
            (self.rabbitmq.is_some(), "rabbitmq-server"),
            (self.zones, zones::PACKAGE),
            (self.user_name, user::PACKAGE),
        ]
        .into_iter()
        .filter_map(|(found, package)| (!found).then_some(package))
        .collect()
    }
}

/// Looks on the machine only.
pub fn on_machine() -> Found {
    let machine = Path::new("/");
    let postgres = postgres_in(machine);
    Found {
        zones: !zones::lacking(postgres.as_deref(), machine),
        user_name: !user::is_nameless() || user::wrapper(machine).is_some(),
        postgres,
        rabbitmq: rabbitmq_in(machine).filter(|_| program("erl").is_some()),
    }
}

/// Looks in the cache.
pub fn in_cache() -> Found {
    let root = cache::folder().join(UNPACKED).join("root");
    Found {
        postgres: postgres_in(&root),
        rabbitmq: rabbitmq_in(&root),
        zones: zones::unpacked(&root).is_some(),
        user_name: user::wrapper(&root).is_some(),
    }
}

/// Newest first; the usual places before PATH, since links on PATH lead there.
pub(super) fn postgres_in(root: &Path) -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = children(&root.join("usr/lib/postgresql"))
        .into_iter()
        .filter_map(|folder| {
            Some((
                folder.file_name()?.to_str()?.parse().ok()?,
                folder.join("bin"),
            ))
        })
        .collect();
    versions.sort();
    let mut places: Vec<PathBuf> = versions.into_iter().rev().map(|(_, bin)| bin).collect();
    if root == Path::new("/") {
        places.extend(
            [
                "/opt/homebrew/opt/postgresql/bin",
                "/usr/local/opt/postgresql/bin",
                "/usr/pgsql/bin",
            ]
            .map(PathBuf::from),
        );
        places.extend(
            program("postgres")
                .and_then(|found| Some(fs::canonicalize(found).ok()?.parent()?.to_owned())),
        );
    }
    places
        .into_iter()
        .find(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
}

/// The home itself: the distribution's wrapper on PATH wants root.
pub(super) fn rabbitmq_in(root: &Path) -> Option<PathBuf> {
    let mut homes = children(&root.join("usr/lib/rabbitmq/lib"));
    homes.sort();
    homes.reverse();
    if root == Path::new("/") {
        homes.extend(["/opt/homebrew/opt/rabbitmq", "/usr/local/opt/rabbitmq"].map(PathBuf::from));
    }
    homes
        .into_iter()
        .find(|home| home.join("sbin/rabbitmq-server").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_fetched() {
        let servers = Found {
            postgres: Some("/usr/lib/postgresql/15/bin".into()),
            rabbitmq: Some("/usr/lib/rabbitmq".into()),
            zones: false,
            user_name: true,
        };
        assert_eq!(servers.missing(), ["tzdata"]);
        let nameless = Found {
            user_name: false,
            zones: true,
            ..servers.clone()
        };
        assert_eq!(nameless.missing(), ["libnss-wrapper"]);
        assert_eq!(Found::default().missing().len(), 4);
        assert!(
            servers
                .or(nameless)
                .or(Found {
                    user_name: true,
                    ..Found::default()
                })
                .is_complete()
        );
    }
}
