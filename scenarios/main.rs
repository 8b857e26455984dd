//! Every scenario file is a case, and so are the properties: random workloads, with and without a random cut. All of
//! them share one environment and run side by side.

use std::{
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock},
    time::{SystemTime, UNIX_EPOCH},
};

use libtest_mimic::{Arguments, Failed, Trial as Test};
use outbox_harness::{
    backend::Wanted,
    fault::Fault,
    guard,
    lab::Lab,
    property,
    report::RunSummary,
    scenario::Scenario,
    suite::{self, Observer},
    trial::Trial,
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Set it to repeat a failed run with the same bids.
const SEED: &str = "LAB_SEED";

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(suite::SIDE_BY_SIDE);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let cases = match suite::cases(&root) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(2);
        }
    };
    let seed = seed();
    let mut scenarios: Vec<(String, Scenario)> = cases
        .into_iter()
        .map(|case| (case.name, case.scenario))
        .collect();
    scenarios.extend(property::scenarios(seed));
    let stop = CancellationToken::new();
    let stages = match Wanted::from_environment() {
        Ok(wanted) => wanted
            .into_iter()
            .map(|wanted| Stage::new(wanted, stop.clone()))
            .map(Arc::new)
            .collect::<Vec<_>>(),
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(2);
        }
    };
    let tests = stages
        .iter()
        .enumerate()
        .flat_map(|(at, stage)| {
            scenarios
                .iter()
                .map(move |scenario| test(at, stage, scenario, seed))
        })
        .collect();
    if !arguments.list {
        eprintln!("seed {seed} (repeat with {SEED}={seed})");
    }
    cancel_when_interrupted(stop.clone());
    let conclusion = libtest_mimic::run(&arguments, tests);
    for stage in stages {
        stage.strike();
    }
    if stop.is_cancelled() {
        eprintln!("interrupted; everything is stopped and removed");
        std::process::exit(INTERRUPTED);
    }
    conclusion.exit_code()
}

/// Ctrl-C ends every case where it stands.
fn cancel_when_interrupted(stop: CancellationToken) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime for one signal");
        if runtime.block_on(guard::interrupted()).is_ok() {
            stop.cancel();
        }
    });
}

/// A case. Those of the first backend carry no name of it.
fn test(at: usize, stage: &Arc<Stage>, (name, scenario): &(String, Scenario), seed: u64) -> Test {
    let backend = stage.wanted.backend.name();
    let shown = if at == 0 {
        name.clone()
    } else {
        format!("{backend}::{name}")
    };
    let trial = Trial {
        name: name.clone(),
        scenario: scenario.clone(),
        seed,
        repeat_command: format!(
            "LAB_BACKEND={backend} {SEED}={seed} cargo test --test scenarios {name}"
        ),
    };
    let faults = Fault::all(scenario).unwrap_or_default();
    if let Some(why) = stage.wanted.cannot(&faults) {
        return Test::test(format!("{shown} ({why})"), || Ok(())).with_ignored_flag(true);
    }
    let stage = stage.clone();
    Test::test(shown, move || stage.perform(&trial))
}

fn seed() -> u64 {
    let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |now| now.as_secs())
    })
}

/// The environment, booted by the first case that needs it, or why there is none.
struct Stage {
    wanted: Wanted,
    stop: CancellationToken,
    set: OnceLock<Result<Set, String>>,
}

struct Set {
    runtime: Runtime,
    lab: Mutex<Option<Arc<Lab>>>,
}

impl Stage {
    fn new(wanted: Wanted, stop: CancellationToken) -> Self {
        Self {
            wanted,
            stop,
            set: OnceLock::new(),
        }
    }

    fn perform(&self, trial: &Trial) -> Result<(), Failed> {
        let Set { runtime, lab } = self
            .set
            .get_or_init(|| self.set())
            .as_ref()
            .map_err(Failed::from)?;
        let lab = lab
            .lock()
            .expect("no case panics under this lock")
            .clone()
            .ok_or("the environment is gone")?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("lab")
            .join(self.wanted.backend.name())
            .join(format!("{}-{}", trial.name.replace('/', "-"), trial.seed));
        let _ = std::fs::remove_dir_all(&folder);
        let run = suite::one(&lab, trial, &folder, false, &Quiet);
        let summary = runtime
            .block_on(self.unless_interrupted(run))
            .map_err(|error| format!("{error:#}"))?;
        verdict(&summary)
    }

    async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => anyhow::bail!("interrupted"),
            done = work => done,
        }
    }

    fn set(&self) -> Result<Set, String> {
        let boot = || -> anyhow::Result<_> {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            let boot = Lab::start(&self.wanted, |line| eprintln!("{line}"));
            let lab = runtime.block_on(self.unless_interrupted(boot))?;
            Ok(Set {
                runtime,
                lab: Mutex::new(Some(Arc::new(lab))),
            })
        };
        boot().map_err(|error| format!("the lab could not be set up: {error:#}"))
    }

    /// Ends the environment here: what is in a static is never dropped.
    fn strike(&self) {
        let Some(Ok(Set { runtime, lab })) = self.set.get() else {
            return;
        };
        let _inside = runtime.enter();
        let lab = lab.lock().expect("no case panics under this lock").take();
        if let Some(Err(error)) = lab.map(|lab| runtime.block_on(lab.end())) {
            eprintln!("something may be left on the servers: {error:#}");
        }
    }
}

fn verdict(summary: &RunSummary) -> Result<(), Failed> {
    let bites = summary.bites.join(", ");
    let line = format!(
        "{} {}: bit {bites}; recovered in {}",
        summary.verdict,
        summary.name,
        summary.recovery()
    );
    if summary.verdict.exit_code() == 0 {
        eprintln!("{line}");
        return Ok(());
    }
    Err(format!(
        "{line}\n{}\nrun:    {}\nrepeat: {}",
        summary.reason,
        summary.folder.display(),
        summary.repeat_command
    )
    .into())
}

/// The test runner has its own way of showing progress.
struct Quiet;

impl Observer for Quiet {
    fn stage(&self, _name: &str, _stage: &str) {}
    fn judged(&self, _summary: &RunSummary) {}
}
