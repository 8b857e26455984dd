//! Why a child process is not what it should be, with the end of its log where that helps.

use std::{io, path::PathBuf, time::Duration};

use nix::sys::signal::Signal;

use crate::os::{guard::GuardError, table::State};

/// What can go wrong with a child process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("{name}: cannot start {}: {source}", program.display())]
    Spawn {
        /// The process, such as `relay 2`.
        name: String,
        /// What was to be run.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its log file could not be opened.
    #[error("{name}: cannot write its log {}: {source}", log.display())]
    Log {
        /// The process.
        name: String,
        /// The file.
        log: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process was to end, and did not.
    #[error("{name} (pid {pid}) did not end within {waited:?}; its log ends with:\n{tail}")]
    StillRunning {
        /// The process.
        name: String,
        /// Its process id.
        pid: i32,
        /// The deadline that passed.
        waited: Duration,
        /// The last lines of its log.
        tail: String,
    },
    /// A signal was sent, and the process table does not show its effect.
    #[error("{name} (pid {pid}) was sent {signal} and is {seen:?} after {waited:?}")]
    NoEffect {
        /// The process.
        name: String,
        /// Its process id.
        pid: i32,
        /// The signal.
        signal: Signal,
        /// What the process table says.
        seen: State,
        /// The deadline that passed.
        waited: Duration,
    },
    /// A signal could not be sent.
    #[error("{name} (pid {pid}): cannot send {signal}: {source}")]
    Signal {
        /// The process.
        name: String,
        /// Its process id.
        pid: i32,
        /// The signal.
        signal: Signal,
        /// Why not.
        source: nix::Error,
    },
    /// The kernel would not say how the process ended.
    #[error("{name}: cannot wait for it: {source}")]
    Wait {
        /// The process.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// The guardian could not be told.
    #[error(transparent)]
    Guard(#[from] GuardError),
}
