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
    lab::Lab,
    property,
    report::RunSummary,
    suite::{self, Observer},
    trial::Trial,
};
use tokio::runtime::Runtime;

/// Set it to repeat a failed run with the same bids.
const SEED: &str = "LAB_SEED";

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
    let mut trials: Vec<Trial> = cases
        .into_iter()
        .map(|case| trial(&case.name, case.scenario, seed))
        .collect();
    trials.extend(
        property::scenarios(seed)
            .into_iter()
            .map(|(name, scenario)| trial(&name, scenario, seed)),
    );

    let stage = Arc::new(Stage::default());
    let tests = trials
        .into_iter()
        .map(|trial| {
            let stage = stage.clone();
            Test::test(trial.name.clone(), move || stage.perform(&trial))
        })
        .collect();
    if !arguments.list {
        eprintln!("seed {seed} (repeat with {SEED}={seed})");
    }
    let conclusion = libtest_mimic::run(&arguments, tests);
    stage.strike();
    conclusion.exit_code()
}

fn trial(name: &str, scenario: outbox_harness::scenario::Scenario, seed: u64) -> Trial {
    Trial {
        name: name.to_owned(),
        scenario,
        seed,
        repeat_command: format!("{SEED}={seed} cargo test --test scenarios {name}"),
    }
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
#[derive(Default)]
struct Stage(OnceLock<Result<Set, String>>);

struct Set {
    runtime: Runtime,
    lab: Mutex<Option<Arc<Lab>>>,
}

impl Stage {
    fn perform(&self, trial: &Trial) -> Result<(), Failed> {
        let Set { runtime, lab } = self
            .0
            .get_or_init(Self::set)
            .as_ref()
            .map_err(Failed::from)?;
        let lab = lab
            .lock()
            .expect("no case panics under this lock")
            .clone()
            .ok_or("the environment is gone")?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("lab")
            .join(format!("{}-{}", trial.name.replace('/', "-"), trial.seed));
        let _ = std::fs::remove_dir_all(&folder);
        let summary = runtime
            .block_on(suite::one(&lab, trial, &folder, false, &Quiet))
            .map_err(|error| format!("{error:#}"))?;
        verdict(&summary)
    }

    fn set() -> Result<Set, String> {
        let boot = || -> anyhow::Result<_> {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            let lab = runtime.block_on(Lab::start(|line| eprintln!("{line}")))?;
            Ok(Set {
                runtime,
                lab: Mutex::new(Some(Arc::new(lab))),
            })
        };
        boot().map_err(|error| format!("the lab could not be set up: {error:#}"))
    }

    /// Ends the environment here: what is in a static is never dropped.
    fn strike(&self) {
        if let Some(Ok(Set { runtime, lab })) = self.0.get() {
            let _inside = runtime.enter();
            drop(lab.lock().expect("no case panics under this lock").take());
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
