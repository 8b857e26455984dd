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
    found::{Found, UNPACKED, in_cache, on_machine, postgres_in, rabbitmq_in},
    libraries, surroundings, user,
    zones::{self, Zones},
};

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
            libraries: (!machine_alone).then(|| libraries::path(&root)).flatten(),
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
