//! The lab's cache: unpacked servers and the initialised database cluster. Safe to delete while no lab lives.

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

/// Whether the cache can be opened, without waiting for a lab that fills it.
pub fn usable() -> Result<(), CacheError> {
    lock_file(&folder()).map(drop)
}

fn lock_file(folder: &Path) -> Result<File, CacheError> {
    fs::create_dir_all(folder)
        .and_then(|()| File::create(folder.join("lock")))
        .map_err(|source| CacheError {
            folder: folder.to_owned(),
            source,
        })
}

/// A living lab's use of what the cache has. Others may use it, too; nobody removes it meanwhile.
#[derive(Debug)]
pub struct InUse(#[expect(dead_code, reason = "the lock goes with it")] File);

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
        let lock = lock_file(&folder)?;
        lock.lock().map_err(|source| CacheError {
            folder: folder.clone(),
            source,
        })?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Has the cache stay for as long as this is kept.
    pub fn keep(&self) -> Result<InUse, CacheError> {
        let users = self.users()?;
        users
            .lock_shared()
            .map_err(|source| self.unusable(source))?;
        Ok(InUse(users))
    }

    /// Removes it with all that is in it, unless a living lab uses it: then nothing is removed, and the answer is no.
    pub fn remove(self) -> Result<bool, CacheError> {
        let users = self.users()?;
        match users.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(false),
            Err(fs::TryLockError::Error(source)) => return Err(self.unusable(source)),
        }
        fs::remove_dir_all(&self.folder).map_err(|source| self.unusable(source))?;
        Ok(true)
    }

    /// Locked by all who use it.
    fn users(&self) -> Result<File, CacheError> {
        File::create(self.folder.join("in_use")).map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: io::Error) -> CacheError {
        CacheError {
            folder: self.folder.clone(),
            source,
        }
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
        made.map_err(|source| self.unusable(source))?;
        Ok(workshop)
    }

    /// Makes finished work the entry `name`.
    pub fn put(&self, work: &Path, name: &str) -> Result<PathBuf, CacheError> {
        let entry = self.entry(name);
        fs::rename(work, &entry).map_err(|source| self.unusable(source))?;
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path) -> Cache {
        Cache {
            folder: folder.to_owned(),
            _lock: File::create(folder.join("lock")).unwrap(),
        }
    }

    #[test]
    fn a_cache_that_a_living_lab_uses_is_not_removed() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("cache");
        fs::create_dir(&folder).unwrap();
        let users = [
            cache(&folder).keep().unwrap(),
            cache(&folder).keep().unwrap(),
        ];
        assert!(!cache(&folder).remove().unwrap());
        assert!(folder.exists());
        drop(users);
        assert!(cache(&folder).remove().unwrap());
        assert!(!folder.exists());
    }
}
