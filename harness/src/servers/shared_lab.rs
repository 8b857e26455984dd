//! An environment for the cases of a test program: booted by the first one that needs it, ended when all are over.

use std::{
    process::ExitCode,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{runtime::Runtime, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{os::causes::Causes, os::environment, servers::backend::Wanted, servers::lab::Lab};

/// Exit code for settings that cannot be read.
const USAGE: u8 = 2;

const NOT_SET_UP: &str = "the lab could not be set up";

/// Not booted, running, or known not to come.
pub struct SharedLab {
    wanted: Wanted,
    stop: CancellationToken,
    set: OnceLock<Result<Set, String>>,
    /// Whether somebody has been told why there is none.
    told: AtomicBool,
}

struct Set {
    runtime: Runtime,
    lab: Mutex<Option<Arc<Lab>>>,
}

impl SharedLab {
    /// Nothing is booted yet; `stop` ends a boot.
    pub fn new(wanted: Wanted, stop: CancellationToken) -> Self {
        Self {
            wanted,
            stop,
            set: OnceLock::new(),
            told: AtomicBool::new(false),
        }
    }

    /// For a test program that needs one backend: the first that the environment asks for, which is cleaned of what steers
    /// servers. Why there is none is told, and this is how the program ends. Must come first in it.
    pub fn for_tests() -> Result<Arc<Self>, ExitCode> {
        if let Err(error) = environment::clean() {
            eprintln!("starting again without variables that steer servers: {error}");
            return Err(ExitCode::FAILURE);
        }
        let asked = Wanted::from_environment();
        let first = asked.and_then(|all| all.into_iter().next().context("no backend is asked for"));
        match first {
            Ok(wanted) => Ok(Arc::new(Self::new(wanted, CancellationToken::new()))),
            Err(error) => {
                eprintln!("{}", Causes(&error));
                Err(ExitCode::from(USAGE))
            }
        }
    }

    /// What it is to run on.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// A case's name on the backend number `at`: those of the first one carry no name of their backend.
    pub fn shown(&self, at: usize, name: &str) -> String {
        match at {
            0 => name.to_owned(),
            _ => format!("{}::{name}", self.wanted.backend.name()),
        }
    }

    /// Does `work` in the environment, or says why there is none: all of it to the first who asks, for the others would only
    /// repeat it.
    pub fn perform<T>(&self, work: impl AsyncFnOnce(Arc<Lab>) -> T) -> Result<T, String> {
        let set = self.set.get_or_init(|| {
            self.boot()
                .map_err(|error| format!("{NOT_SET_UP}: {}", Causes(&error)))
        });
        let Set { runtime, lab } =
            set.as_ref()
                .map_err(|why| match self.told.swap(true, Relaxed) {
                    false => why.clone(),
                    true => NOT_SET_UP.to_owned(),
                })?;
        let lab = lab
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or("the environment is gone")?;
        Ok(runtime.block_on(work(lab)))
    }

    /// Does a case's work, which may take so long.
    pub fn show(
        &self,
        within: Duration,
        case: impl AsyncFnOnce(Arc<Lab>) -> anyhow::Result<()>,
    ) -> Result<(), String> {
        let done = self.perform(async |lab| {
            timeout(within, case(lab))
                .await
                .with_context(|| format!("not over within {within:?}"))?
        })?;
        done.map_err(|error| Causes(&error).to_string())
    }

    fn boot(&self) -> anyhow::Result<Set> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let lab = runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => bail!("interrupted"),
                lab = Lab::start(&self.wanted, |line| eprintln!("{line}")) => lab,
            }
        })?;
        Ok(Set {
            runtime,
            lab: Mutex::new(Some(Arc::new(lab))),
        })
    }

    /// Ends the environment here: what is in a static, or held by a case that was cut off, is never dropped.
    pub fn strike(&self) {
        let Some(Ok(Set { runtime, lab })) = self.set.get() else {
            return;
        };
        let _inside = runtime.enter();
        let lab = lab.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = lab.map(|lab| runtime.block_on(lab.end())) {
            eprintln!("something may be left on the servers: {}", Causes(&error));
        }
    }
}
