//! The lab's cache: unpacked servers and the initialised database cluster. Safe to delete at any time.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

/// The cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the lab's cache {} cannot be used: {source}; set LAB_CACHE to a folder with 500 MB of room", folder.display())]
pub struct CacheError {
    folder: PathBuf,
    source: io::Error,
}

/// Where it is: `LAB_CACHE`, else the user's cache folder. Root's own is closed to the user that Postgres then runs as,
/// so root uses `/var/cache`.
pub fn folder() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(cache) = set("LAB_CACHE") {
        return cache;
    }
    if geteuid().is_root() {
        return PathBuf::from("/var/cache/outbox-lab");
    }
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map_or_else(
            || std::env::temp_dir().join(format!("outbox-lab-{}", geteuid())),
            |cache| cache.join("outbox-lab"),
        )
}

/// The cache, held by this process alone until dropped. What is found in it is complete: work is done in a folder
/// beside, and renamed.
pub struct Cache {
    folder: PathBuf,
    _lock: File,
}

impl Cache {
    /// Opens the cache, waiting for another lab that fills it.
    pub fn open() -> Result<Self, CacheError> {
        let folder = folder();
        let failed = |source| CacheError {
            folder: folder.clone(),
            source,
        };
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Where `name` is or will be.
    pub fn entry(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An empty folder to work in, later to be [`put`](Self::put) in place. What an interrupted lab left of it is
    /// removed.
    pub fn workshop(&self, name: &str) -> Result<PathBuf, CacheError> {
        let workshop = self.folder.join(format!("{name}.unfinished"));
        let made = match fs::remove_dir_all(&workshop) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&workshop),
        };
        made.map_err(|source| CacheError {
            folder: self.folder.clone(),
            source,
        })?;
        Ok(workshop)
    }

    /// Makes finished work the entry `name`.
    pub fn put(&self, work: &Path, name: &str) -> Result<PathBuf, CacheError> {
        let entry = self.entry(name);
        fs::rename(work, &entry).map_err(|source| CacheError {
            folder: self.folder.clone(),
            source,
        })?;
        Ok(entry)
    }
}
