//! Every scenario file is a case, and so are the properties: random workloads, with and without a random cut. All of
//! them share one environment and run side by side.

use std::{path::Path, process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial as Test};
use outbox_harness::{
    ask::fault::Fault,
    ask::scenario::Scenario,
    ask::seed,
    ask::target::Target,
    ask::trial::Trial,
    explore::fit,
    explore::property,
    explore::suite::{self, Manner, Observer},
    judge::summary::RunSummary,
    os::environment,
    os::guard,
    servers::backend::{Kind, Wanted},
    servers::lab::Lab,
    servers::shared_lab::SharedLab,
};
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
    let labs: Vec<_> = backends
        .into_iter()
        .map(|wanted| Arc::new(SharedLab::new(wanted, stop.clone())))
        .collect();
    let tests = labs
        .iter()
        .enumerate()
        .flat_map(|(at, lab)| {
            let stop = &stop;
            scenarios
                .iter()
                .map(move |scenario| test(at, lab, scenario, seed, stop))
        })
        .collect();
    if !arguments.list {
        eprintln!("seed {seed} (repeat with {}={seed})", seed::VARIABLE);
    }
    cancel_when_interrupted(stop.clone());
    let conclusion = libtest_mimic::run(&arguments, tests);
    for lab in labs {
        lab.strike();
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

fn test(
    at: usize,
    lab: &Arc<SharedLab>,
    (name, scenario): &(String, Scenario),
    seed: u64,
    stop: &CancellationToken,
) -> Test {
    let wanted = lab.wanted();
    let shown = lab.shown(at, name);
    let trial = Trial {
        name: name.clone(),
        target: Arc::new(Target::ours()),
        as_shipped: false,
        left_out: Vec::new(),
        scenario: scenario.clone(),
        seed,
        repeat_command: again(wanted, name, seed),
    };
    let faults = Fault::all(scenario).unwrap_or_default();
    let cannot = wanted.cannot(&faults);
    if let Some(why) = cannot.or_else(|| fit::breaks_no_way(&faults, &trial.target)) {
        return Test::test(format!("{shown} ({why})"), || Ok(())).with_ignored_flag(true);
    }
    let (lab, stop) = (lab.clone(), stop.clone());
    Test::test(shown, move || perform(&lab, &trial, stop))
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

fn perform(lab: &SharedLab, trial: &Trial, stop: CancellationToken) -> Result<(), Failed> {
    let manner = Manner {
        runs: Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("lab")
            .join(lab.wanted().backend.name()),
        keep: false,
        side_by_side: 1,
        stop,
    };
    let one = async |lab: Arc<Lab>| suite::one(&lab, trial, &manner, &Quiet).await;
    verdict(&lab.perform(one)?)
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
