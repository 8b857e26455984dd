//! Nothing outlives the lab, not even when the lab gets SIGKILL: a small shell, the guardian, reads from a pipe whose
//! other end only the lab holds. What the lab starts and creates is registered there; when the pipe ends, the guardian
//! kills and removes what is left (`guard.sh`).

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

pub mod run;

pub use run::{RunFolder, Swept, living, sweep};

/// Why nothing can be guarded. The lab does not go on without its guardian.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// `/bin/sh` could not be started.
    #[error("cannot start the guardian (/bin/sh), which cleans up after a killed lab: {0}")]
    Start(#[source] io::Error),
    /// It was killed by somebody.
    #[error("the guardian, which cleans up after a killed lab, has died; start the lab again: {0}")]
    Died(#[source] io::Error),
    /// A path with a line break cannot be registered.
    #[error("{0:?} contains a line break; set TMPDIR to another folder")]
    Path(std::path::PathBuf),
}

/// One per lab process: started with the first registration, and ended by the end of the lab.
static GUARDIAN: Mutex<Option<Guardian>> = Mutex::new(None);

struct Guardian {
    pipe: ChildStdin,
    // Held, so that its pid stays its own while the lab lives.
    _child: Child,
}

/// Waits for Ctrl-C or SIGTERM. From the first call on, neither of them ends the process by itself.
pub async fn interrupted() -> io::Result<()> {
    let mut asked = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = asked.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

/// Has the process group killed when the lab ends.
pub fn watch_group(group: Pid) -> Result<(), GuardError> {
    tell(&format!("group {group}"))
}

/// The process group has ended; its number may soon be somebody else's.
pub fn forget_group(group: Pid) -> Result<(), GuardError> {
    tell(&format!("gone {group}"))
}

/// Has the folder removed when the lab ends, and all processes that carry its mark killed.
pub fn watch_folder(folder: &Path) -> Result<(), GuardError> {
    tell(&format!("folder {}", line(folder)?))
}

/// The folder stays, or is removed already.
pub fn forget_folder(folder: &Path) -> Result<(), GuardError> {
    tell(&format!("kept {}", line(folder)?))
}

fn line(folder: &Path) -> Result<&str, GuardError> {
    let text = folder.to_str().filter(|text| !text.contains('\n'));
    text.ok_or_else(|| GuardError::Path(folder.to_owned()))
}

fn tell(message: &str) -> Result<(), GuardError> {
    let mut guardian = GUARDIAN.lock().unwrap_or_else(PoisonError::into_inner);
    let guardian = match &mut *guardian {
        Some(guardian) => guardian,
        none => none.insert(start()?),
    };
    // One write a line, far below PIPE_BUF. The pipe is close-on-exec: no child holds it open.
    guardian
        .pipe
        .write_all(format!("{message}\n").as_bytes())
        .map_err(GuardError::Died)
}

fn start() -> Result<Guardian, GuardError> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", include_str!("guard.sh"), "outbox-lab-guardian"])
        .current_dir("/")
        .env_remove(crate::os::table::RUN_MARK)
        // Ctrl-C goes to the lab's group; the guardian must be there after it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(GuardError::Start)?;
    let pipe = child
        .stdin
        .take()
        .ok_or_else(|| GuardError::Start(io::Error::other("it has no pipe")))?;
    Ok(Guardian {
        pipe,
        _child: child,
    })
}
