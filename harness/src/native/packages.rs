//! Where the servers' programs are: on this machine, or unpacked in the cache.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{
    apt::{self, AptError},
    cache::{Cache, CacheError},
};

/// The cache's entry with everything that was unpacked.
const UNPACKED: &str = "packages";

/// Why the servers' programs are not there.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
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
}

/// What there is without fetching anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Folder with `postgres` and `initdb`.
    pub postgres: Option<PathBuf>,
    /// RabbitMQ's home, with an Erlang on the machine.
    pub rabbitmq: Option<PathBuf>,
}

/// Looks on the machine only.
pub fn on_machine() -> Found {
    Found {
        postgres: postgres_in(Path::new("/")),
        rabbitmq: rabbitmq_in(Path::new("/")).filter(|_| program("erl").is_some()),
    }
}

/// Looks in the cache.
pub fn in_cache() -> Found {
    let root = super::cache::folder().join(UNPACKED).join("root");
    Found {
        postgres: postgres_in(&root),
        rabbitmq: rabbitmq_in(&root),
    }
}

impl Binaries {
    /// Finds the programs, or fetches what is missing.
    pub fn provide(say: &dyn Fn(&str)) -> Result<Self, PackagesError> {
        let machine = on_machine();
        if let (Some(postgres), Some(rabbitmq)) = (&machine.postgres, &machine.rabbitmq) {
            return Ok(Self {
                postgres: postgres.clone(),
                rabbitmq: rabbitmq.clone(),
                erlang: None,
                libraries: None,
            });
        }
        let cache = Cache::open()?;
        let cached = in_cache();
        let complete = (machine.postgres.is_some() || cached.postgres.is_some())
            && (machine.rabbitmq.is_some() || cached.rabbitmq.is_some());
        if !complete {
            fetch(&cache, &machine, say)?;
        }
        let root = cache.entry(UNPACKED).join("root");
        let postgres = machine.postgres.clone().or_else(|| postgres_in(&root));
        let rabbitmq = machine.rabbitmq.clone().or_else(|| rabbitmq_in(&root));
        let erlang = root.join("usr/lib/erlang");
        Ok(Self {
            postgres: postgres.ok_or(PackagesError::Unfamiliar("PostgreSQL"))?,
            rabbitmq: rabbitmq.ok_or(PackagesError::Unfamiliar("RabbitMQ"))?,
            erlang: (machine.rabbitmq.is_none() && erlang.is_dir()).then_some(erlang),
            libraries: libraries(&root),
        })
    }
}

fn fetch(cache: &Cache, machine: &Found, say: &dyn Fn(&str)) -> Result<(), PackagesError> {
    let mut packages = Vec::new();
    if machine.postgres.is_none() {
        packages.push("postgresql");
    }
    if machine.rabbitmq.is_none() {
        packages.push("rabbitmq-server");
    }
    let workshop = cache.workshop(UNPACKED)?;
    apt::fetch(&packages, &workshop, say)?;
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
    let folders: Vec<PathBuf> = ["usr/lib", "lib"]
        .into_iter()
        .flat_map(|lib| children(&root.join(lib)))
        .filter(|folder| {
            folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains("-linux-gnu"))
        })
        .collect();
    if folders.is_empty() {
        None
    } else {
        std::env::join_paths(folders).ok()
    }
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
