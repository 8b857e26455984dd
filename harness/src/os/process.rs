//! Child processes: servers and the system under test. Each runs in its own process group, writes to a log file, is
//! known to the [guardian](crate::os::guard), and is killed with all its descendants when its handle is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::os::{
    environment, guard,
    table::{self, RUN_MARK, State},
};

mod error;
pub mod log;
mod ready;
mod usage;

pub use error::ProcessError;
pub use ready::{NotReady, Started, until_ready};
pub use usage::Usage;

/// The kernel acts on SIGKILL and SIGSTOP at once; seconds are for a machine that is overloaded.
const SIGNAL_DEADLINE: Duration = Duration::from_secs(10);
const SIGNAL_POLL: Duration = Duration::from_millis(1);
const EXIT_POLL: Duration = Duration::from_millis(5);

/// A process to be started.
#[derive(Debug)]
pub struct Launch {
    name: String,
    program: PathBuf,
    log: PathBuf,
    command: Command,
    env: BTreeMap<OsString, OsString>,
    clean: bool,
    without: Vec<OsString>,
}

impl Launch {
    /// A process called `name` (for messages) of the run in `run_folder`, which is its working directory and holds its
    /// log `<name>.log`, spaces as dashes.
    pub fn new(name: &str, program: impl Into<PathBuf>, run_folder: &Path) -> Self {
        let program = program.into();
        let mut command = Command::new(&program);
        command
            .current_dir(run_folder)
            .stdin(Stdio::null())
            .process_group(0);
        let log = run_folder.join(format!("{}.log", name.replace(' ', "-")));
        Self {
            name: name.to_owned(),
            program,
            log,
            command,
            env: BTreeMap::from([(RUN_MARK.into(), run_folder.into())]),
            clean: false,
            without: Vec::new(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(key.as_ref().into(), value.as_ref().into());
        self
    }

    /// Sets several environment variables.
    #[must_use]
    pub fn envs(mut self, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.env.extend(vars);
        self
    }

    /// Lets it inherit nothing but what every program needs.
    #[must_use]
    pub fn clean(mut self) -> Self {
        self.clean = true;
        self
    }

    /// Keeps variables from it that it would inherit.
    #[must_use]
    pub fn without<S: AsRef<OsStr>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let names = names.into_iter().map(|name| name.as_ref().to_owned());
        self.without.extend(names);
        self
    }

    /// Runs it as another user; only root may.
    #[must_use]
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.command.uid(uid).gid(gid);
        self
    }

    /// Has it work in another folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Appends its output to `log` instead.
    #[must_use]
    pub fn log(mut self, log: PathBuf) -> Self {
        self.log = log;
        self
    }

    /// Starts it.
    pub fn spawn(mut self) -> Result<Process, ProcessError> {
        let log_error = |source| ProcessError::Log {
            name: self.name.clone(),
            log: self.log.clone(),
            source,
        };
        let out: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(log_error)?;
        let err = out.try_clone().map_err(log_error)?;
        self.command.stdout(out).stderr(err);
        if self.clean {
            environment::only_what_is_needed(&mut self.command);
        } else {
            environment::without_steering(&mut self.command);
        }
        for name in &self.without {
            self.command.env_remove(name);
        }
        self.command.envs(&self.env);
        let child = self.command.spawn().map_err(|source| ProcessError::Spawn {
            name: self.name.clone(),
            program: self.program,
            source,
        })?;
        let pid = Pid::from_raw(child.id().cast_signed());
        // The handle exists first: if the guardian cannot be told, its drop kills the child.
        let process = Process {
            name: self.name,
            pid,
            log: self.log,
            child: Mutex::new(child),
        };
        guard::watch_group(pid)?;
        Ok(process)
    }
}

/// A running (or ended) child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    log: PathBuf,
    child: Mutex<Child>,
}

impl Process {
    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is also its process group's.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of its output, for error messages.
    pub fn log_tail(&self) -> String {
        log::tail(&self.log)
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&self) -> Result<Option<ExitStatus>, ProcessError> {
        let status = self.child().try_wait();
        status.map_err(|source| ProcessError::Wait {
            name: self.name.clone(),
            source,
        })
    }

    /// Whether it has not ended. Stopped processes count as running.
    pub fn is_running(&self) -> bool {
        matches!(self.ended(), Ok(None))
    }

    /// What the process table says of it and its descendants: stopped only if all of them are.
    pub fn state(&self) -> State {
        table::state(self.pid)
    }

    /// What it has used so far, and at most; not its descendants.
    pub fn usage(&self) -> Result<Usage, ProcessError> {
        Usage::of(self.pid).map_err(|source| ProcessError::Wait {
            name: self.name.clone(),
            source,
        })
    }

    /// Waits until it has ended.
    pub async fn wait(&self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if began.elapsed() >= deadline {
                let (name, pid, tail) = (self.name.clone(), self.pid(), self.log_tail());
                return Err(ProcessError::StillRunning {
                    name,
                    pid,
                    waited: deadline,
                    tail,
                });
            }
            tokio::time::sleep(EXIT_POLL).await;
        }
    }

    /// Sends SIGTERM to it (not to its descendants): a request to end cleanly.
    pub fn terminate(&self) -> Result<(), ProcessError> {
        self.signal(Signal::SIGTERM)
    }

    /// Sends a signal to it (not to its descendants). Does nothing if it has ended.
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        // Under the lock nobody reaps it, so that the pid cannot have become somebody else's.
        let mut child = self.child();
        if !matches!(child.try_wait(), Ok(None)) {
            return Ok(());
        }
        let pid = self.pid();
        signal::kill(self.pid, signal).map_err(|source| ProcessError::Signal {
            name: self.name.clone(),
            pid,
            signal,
            source,
        })
    }

    /// Stops it and its descendants with SIGSTOP, and returns when the process table shows all of them stopped.
    pub fn freeze(&self) -> Result<(), ProcessError> {
        // Processes may be forked while their parents are being stopped, hence again until nothing new is found.
        self.until(Signal::SIGSTOP, State::Stopped)
    }

    /// Lets it and its descendants go on after [`freeze`](Self::freeze).
    pub fn thaw(&self) -> Result<(), ProcessError> {
        self.until(Signal::SIGCONT, State::Running)
    }

    /// Ends it and its descendants with SIGKILL, without a chance to clean up, and reaps it.
    pub fn kill(&self) -> Result<(), ProcessError> {
        if self.is_running() {
            // Stopped first, so that none forks another while the others are being killed.
            let _ = self.freeze();
        }
        let mut struck: BTreeSet<Pid> = BTreeSet::new();
        struck.extend(table::signal_tree(self.pid, Signal::SIGKILL));
        let began = Instant::now();
        while self.is_running() || table::state(self.pid).is_alive() || table::is_any_alive(&struck)
        {
            if began.elapsed() >= SIGNAL_DEADLINE {
                return Err(self.no_effect(Signal::SIGKILL));
            }
            struck.extend(table::signal_tree(self.pid, Signal::SIGKILL));
            std::thread::sleep(SIGNAL_POLL);
        }
        Ok(guard::forget_group(self.pid)?)
    }

    fn until(&self, signal: Signal, wanted: State) -> Result<(), ProcessError> {
        let began = Instant::now();
        loop {
            table::signal_tree(self.pid, signal);
            let seen = self.state();
            if seen == wanted {
                return Ok(());
            }
            if !seen.is_alive() || began.elapsed() >= SIGNAL_DEADLINE {
                return Err(self.no_effect(signal));
            }
            std::thread::sleep(SIGNAL_POLL);
        }
    }

    fn no_effect(&self, signal: Signal) -> ProcessError {
        let (name, pid) = (self.name.clone(), self.pid());
        ProcessError::NoEffect {
            name,
            pid,
            signal,
            seen: self.state(),
            waited: SIGNAL_DEADLINE,
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::error!(%error, "a child process may be left; the guardian kills it when the lab ends");
        }
    }
}

#[cfg(test)]
mod tests;
