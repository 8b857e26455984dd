//! Every scenario file is a case, and so are the properties: random workloads, with and without a random cut. All of
//! them share one environment and run side by side.

use std::{
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use libtest_mimic::{Arguments, Failed, Trial as Test};
use outbox_harness::{
    backend::{Kind, Wanted},
    environment,
    fault::Fault,
    guard,
    lab::Lab,
    property,
    report::RunSummary,
    scenario::Scenario,
    seed,
    suite::{self, Manner, Observer},
    trial::Trial,
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Exit code for settings that cannot be read.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Err(error) = environment::clean() {
        eprintln!("starting again without variables that steer servers: {error}");
        return ExitCode::FAILURE;
    }
    match cases() {
        Ok(cases) => run(cases),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(USAGE)
        }
    }
}

/// What is run, read before anything starts.
struct Cases {
    scenarios: Vec<(String, Scenario)>,
    seed: u64,
    backends: Vec<Wanted>,
}

fn cases() -> anyhow::Result<Cases> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let seed = seed::given()?.unwrap_or_else(seed::fresh);
    let files = suite::cases(&root)?.into_iter();
    let mut scenarios: Vec<_> = files.map(|case| (case.name, case.scenario)).collect();
    scenarios.extend(property::scenarios(seed));
    Ok(Cases {
        scenarios,
        seed,
        backends: Wanted::from_environment()?,
    })
}

fn run(cases: Cases) -> ExitCode {
    let Cases {
        scenarios,
        seed,
        backends,
    } = cases;
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(suite::SIDE_BY_SIDE);
    let stop = CancellationToken::new();
    let stages: Vec<_> = backends
        .into_iter()
        .map(|wanted| Arc::new(Stage::new(wanted, stop.clone())))
        .collect();
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
        eprintln!("seed {seed} (repeat with {}={seed})", seed::VARIABLE);
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
        repeat_command: again(&stage.wanted, name, seed),
    };
    let faults = Fault::all(scenario).unwrap_or_default();
    if let Some(why) = stage.wanted.cannot(&faults) {
        return Test::test(format!("{shown} ({why})"), || Ok(())).with_ignored_flag(true);
    }
    let stage = stage.clone();
    Test::test(shown, move || stage.perform(&trial))
}

/// The command that repeats a case when it is pasted. URLs of external servers stay in the environment that gave them:
/// they may hold passwords.
fn again(wanted: &Wanted, name: &str, seed: u64) -> String {
    let mut command = format!(
        "LAB_BACKEND={} {}={seed} ",
        wanted.backend.name(),
        seed::VARIABLE
    );
    let images = &wanted.details.images;
    let named = [
        ("LAB_POSTGRES_IMAGE", &images.postgres_image),
        ("LAB_RABBITMQ_IMAGE", &images.rabbitmq_image),
        ("LAB_TOXIPROXY_IMAGE", &images.toxiproxy_image),
    ];
    if matches!(wanted.backend, Kind::Auto | Kind::Docker) {
        for (variable, image) in named {
            image
                .iter()
                .for_each(|image| command.push_str(&format!("{variable}={image} ")));
        }
    }
    command + &format!("cargo test --test scenarios -- --exact {name}")
}

/// The environment, booted by the first case that needs it, or why there is none.
struct Stage {
    wanted: Wanted,
    stop: CancellationToken,
    set: OnceLock<Result<Set, String>>,
    /// Whether some case has said why there is none.
    said: AtomicBool,
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
            said: AtomicBool::new(false),
        }
    }

    fn perform(&self, trial: &Trial) -> Result<(), Failed> {
        let Set { runtime, lab } = self
            .set
            .get_or_init(|| self.set())
            .as_ref()
            .map_err(|why| match self.said.swap(true, Ordering::Relaxed) {
                false => Failed::from(why),
                true => Failed::from("the lab could not be set up; another case says why"),
            })?;
        let lab = lab
            .lock()
            .expect("no case panics under this lock")
            .clone()
            .ok_or("the environment is gone")?;
        let manner = Manner {
            runs: Path::new(env!("CARGO_TARGET_TMPDIR"))
                .join("lab")
                .join(self.wanted.backend.name()),
            keep: false,
            side_by_side: 1,
            stop: self.stop.clone(),
        };
        verdict(&runtime.block_on(suite::one(&lab, trial, &manner, &Quiet)))
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
