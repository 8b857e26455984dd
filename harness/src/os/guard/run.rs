//! The folder of one environment: data, logs and sockets of its servers, in the temporary folder. A locked file in it
//! tells the living from the dead: the kernel frees the lock when its lab ends, however it ends.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};

use super::GuardError;
use crate::os::table;

const PREFIX: &str = "outbox-lab-run-";
/// The name until the lock is held, so that a sweep never sees a living folder unlocked.
const UNBORN: &str = "outbox-lab-new-";
const LOCK: &str = "lock";
/// An unborn folder older than this belongs to a lab that died in between.
const UNBORN_AGE: Duration = Duration::from_secs(60);
const SWEEP_DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no folder for the run.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// The temporary folder cannot be written.
    #[error("cannot make a folder for the run in {}: {source}; set TMPDIR to a folder with room", parent.display())]
    Create {
        /// The temporary folder.
        parent: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The guardian could not be told.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

/// A run's folder: locked while this value lives, removed with it, and by the guardian if the lab is killed.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    keep: bool,
    _lock: File,
}

impl RunFolder {
    /// Makes one in the system's temporary folder (`TMPDIR`).
    pub fn create() -> Result<Self, RunFolderError> {
        let parent = std::env::temp_dir();
        let error = |source| RunFolderError::Create {
            parent: parent.clone(),
            source,
        };
        let parent = fs::canonicalize(&parent).map_err(error)?;
        let unborn = tempfile::Builder::new()
            .prefix(UNBORN)
            .tempdir_in(&parent)
            .map_err(error)?;
        let lock = File::create(unborn.path().join(LOCK)).map_err(error)?;
        lock.lock().map_err(error)?;
        if nix::unistd::geteuid().is_root() {
            // Postgres runs as another user then, and must get through to its data.
            fs::set_permissions(unborn.path(), fs::Permissions::from_mode(0o711)).map_err(error)?;
        }
        let suffix = unborn
            .path()
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let path = parent.join(suffix.replacen(UNBORN, PREFIX, 1));
        super::watch_folder(&path)?;
        fs::rename(unborn.path(), &path).map_err(error)?;
        // It has moved away: nothing is left for the temporary folder's own clean-up.
        let _ = unborn.keep();
        Ok(Self {
            path,
            keep: false,
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it in place when the lab ends, for a look at the logs; the next [`sweep`] removes it.
    pub fn keep(&mut self) -> Result<(), GuardError> {
        self.keep = true;
        super::forget_folder(&self.path)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        kill_processes(&self.path);
        match fs::remove_dir_all(&self.path) {
            Ok(()) => drop(super::forget_folder(&self.path)),
            Err(error) => {
                tracing::warn!(folder = %self.path.display(), %error, "left for the guardian to remove")
            }
        }
    }
}

/// What a sweep removed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Folders of dead labs.
    pub folders: Vec<PathBuf>,
    /// How many processes of theirs were killed.
    pub processes: usize,
}

/// Removes what dead labs of this user left in the temporary folder, and kills their processes. A living lab's run is
/// known by its lock and never touched.
pub fn sweep() -> Swept {
    let mut swept = Swept::default();
    let Ok(entries) = fs::canonicalize(std::env::temp_dir()).and_then(fs::read_dir) else {
        return swept;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if let Some(_lock) = dead(&path) {
            swept.processes += kill_processes(&path);
            if fs::remove_dir_all(&path).is_ok() {
                swept.folders.push(path);
            }
        }
    }
    swept
}

/// Folders of this user's labs that live, in the temporary folder.
pub fn living() -> Vec<PathBuf> {
    let Ok(entries) = fs::canonicalize(std::env::temp_dir()).and_then(fs::read_dir) else {
        return Vec::new();
    };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_run = |folder: &PathBuf| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(PREFIX))
    };
    folders
        .filter(|folder| is_run(folder) && is_alive(folder))
        .collect()
}

/// The dead run's lock, held so that no two sweeps work on it.
fn dead(folder: &Path) -> Option<Option<File>> {
    let name = folder.file_name()?.to_str()?;
    let about = fs::symlink_metadata(folder).ok()?;
    if !about.is_dir() || about.uid() != nix::unistd::geteuid().as_raw() {
        return None;
    }
    if name.starts_with(UNBORN) {
        let old = about
            .modified()
            .ok()?
            .elapsed()
            .is_ok_and(|age| age > UNBORN_AGE);
        return old.then_some(None);
    }
    if !name.starts_with(PREFIX) {
        return None;
    }
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok().then_some(Some(lock)),
        // A guardian was interrupted while it removed the folder.
        Err(error) => (error.kind() == io::ErrorKind::NotFound).then_some(None),
    }
}

/// Whether the lab of this run's folder lives. A folder that is gone has no lab.
pub fn is_alive(folder: &Path) -> bool {
    folder.exists() && dead(folder).is_none()
}

/// Kills all processes of a run; returns how many there were.
fn kill_processes(folder: &Path) -> usize {
    let began = Instant::now();
    let mut killed = std::collections::HashSet::new();
    loop {
        let found = table::of_run(folder);
        for pid in &found {
            let _ = signal::kill(*pid, Signal::SIGKILL);
        }
        killed.extend(found.iter().copied());
        if found.is_empty() || began.elapsed() >= SWEEP_DEADLINE {
            return killed.len();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(test)]
mod tests;
