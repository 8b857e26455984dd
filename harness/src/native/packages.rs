//! Where the servers' programs are: on this machine, or unpacked in the cache.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    apt::{self, AptError},
    cache::{Cache, CacheError, InUse},
    surroundings, user,
    zones::{self, Zones},
};

/// The cache's entry with everything that was unpacked.
const UNPACKED: &str = "packages";

/// Why the servers' programs are not there.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// They are of no use here. One sentence for each reason.
    #[error("{}", .0.join("; "))]
    Surroundings(Vec<String>),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// They could not be fetched.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// They were fetched, and are not where they should be.
    #[error(
        "{0} was unpacked, but its programs are not where they are expected; remove the cache with `lab clean --cache` and try again"
    )]
    Unfamiliar(&'static str),
    /// The cache has no room for a program, or cannot be written.
    #[error("making the Postgres that finds its time zones in {}: {source}", cache.display())]
    Zones {
        /// Where.
        cache: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

/// The programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// Folder with `postgres` and `initdb`.
    pub postgres: PathBuf,
    /// Folder with `sbin/rabbitmq-server` and `plugins`.
    pub rabbitmq: PathBuf,
    /// Erlang's root, where it is not the system's own.
    pub erlang: Option<PathBuf>,
    /// `LD_LIBRARY_PATH` for what was unpacked.
    pub libraries: Option<OsString>,
    /// Time zones for Postgres, where the machine has none.
    pub zones: Option<Zones>,
    /// The library that lends this user a name, where it has none.
    pub name_lender: Option<PathBuf>,
    /// All this may be in the cache, which must stay.
    _in_use: Arc<InUse>,
}

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

    fn or(self, other: Self) -> Self {
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
    let root = super::cache::folder().join(UNPACKED).join("root");
    Found {
        postgres: postgres_in(&root),
        rabbitmq: rabbitmq_in(&root),
        zones: zones::unpacked(&root).is_some(),
        user_name: user::wrapper(&root).is_some(),
    }
}

impl Binaries {
    /// Finds the programs, or fetches what is missing.
    pub fn provide(say: &dyn Fn(&str)) -> Result<Self, PackagesError> {
        let unmet = surroundings::unmet();
        if !unmet.is_empty() {
            return Err(PackagesError::Surroundings(unmet));
        }
        let machine = on_machine();
        let machine_alone = machine.is_complete();
        let cache = Cache::open()?;
        if !machine.clone().or(in_cache()).is_complete() {
            fetch(&cache, &machine, say)?;
        }
        let root = cache.entry(UNPACKED).join("root");
        let erlang = root.join("usr/lib/erlang");
        let postgres = machine.postgres.or_else(|| postgres_in(&root));
        let postgres = postgres.ok_or(PackagesError::Unfamiliar("PostgreSQL"))?;
        let zones = if machine.zones {
            None
        } else {
            Some(fit(&postgres, &root, &cache)?)
        };
        Ok(Self {
            erlang: (machine.rabbitmq.is_none() && erlang.is_dir()).then_some(erlang),
            rabbitmq: (machine.rabbitmq.or_else(|| rabbitmq_in(&root)))
                .ok_or(PackagesError::Unfamiliar("RabbitMQ"))?,
            libraries: (!machine_alone).then(|| libraries(&root)).flatten(),
            name_lender: user::is_nameless()
                .then(|| user::wrapper(Path::new("/")).or_else(|| user::wrapper(&root)))
                .flatten(),
            postgres,
            zones,
            _in_use: Arc::new(cache.keep()?),
        })
    }
}

fn fit(postgres: &Path, root: &Path, cache: &Cache) -> Result<Zones, PackagesError> {
    if zones::unpacked(root).is_none() {
        return Err(PackagesError::Unfamiliar(zones::PACKAGE));
    }
    let cache = cache.entry("");
    Zones::fit(postgres, root, &cache).map_err(|source| PackagesError::Zones { cache, source })
}

fn fetch(cache: &Cache, machine: &Found, say: &dyn Fn(&str)) -> Result<(), PackagesError> {
    let workshop = cache.workshop(UNPACKED)?;
    let root = apt::fetch(&machine.missing(), &workshop, say)?;
    zones::tidy(&root);
    // What an earlier lab had unpacked lacked something.
    let _ = fs::remove_dir_all(cache.entry(UNPACKED));
    cache.put(&workshop, UNPACKED)?;
    Ok(())
}

/// Newest first; the usual places before PATH, since links on PATH lead there.
fn postgres_in(root: &Path) -> Option<PathBuf> {
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
fn rabbitmq_in(root: &Path) -> Option<PathBuf> {
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

fn libraries(root: &Path) -> Option<OsString> {
    let folders = library_folders(root);
    if folders.is_empty() {
        None
    } else {
        std::env::join_paths(folders).ok()
    }
}

/// The folders with a processor's libraries, as Debian names them.
pub(super) fn library_folders(root: &Path) -> Vec<PathBuf> {
    ["usr/lib", "lib"]
        .into_iter()
        .flat_map(|lib| children(&root.join(lib)))
        .filter(|folder| {
            folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains("-linux-gnu"))
        })
        .collect()
}

/// A program on PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn children(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map_or_else(
        |_| Vec::new(),
        |entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect()
        },
    )
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
