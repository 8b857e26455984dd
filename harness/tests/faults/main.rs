//! Each fault that any target can be put through bites the toy outbox, on a real Postgres and a real RabbitMQ; where its
//! injector cannot get at anything, or nobody feels it, a run proves nothing, and says so; and what a server promised and did not
//! keep is found.

mod cases;

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Trial as Test};
use outbox_harness::{
    ask::{fault::Fault, scenario::Scenario, target::Target, trial::Trial},
    judge::verdict::Verdict,
    run::trial::{self, Beside},
    servers::{backend::Wanted, lab::Lab, shared_lab::SharedLab},
};

use cases::{BITES, BROKEN, Case, LOST};

/// A case that takes longer has hung.
const CASE_WITHIN: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let lab = match SharedLab::for_tests() {
        Ok(lab) => lab,
        Err(ended) => return ended,
    };
    let bites = BITES.iter().map(|case| (case, Verdict::Pass));
    let broken = BROKEN.iter().map(|case| (case, Verdict::Vacuous));
    let lost = LOST.iter().map(|case| (case, Verdict::Fail));
    let tests = bites.chain(broken).chain(lost).map(|(case, verdict)| {
        let shared = lab.clone();
        if let Some(why) = cannot(shared.wanted(), case) {
            return Test::test(format!("{} ({why})", case.name), || Ok(())).with_ignored_flag(true);
        }
        Test::test(case.name, move || {
            let shown = shared.show(CASE_WITHIN, async |lab| shows(&lab, case, verdict).await);
            Ok(shown?)
        })
    });
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    let conclusion = libtest_mimic::run(&arguments, tests.collect());
    lab.strike();
    conclusion.exit_code()
}

/// Why its faults cannot be done here, if they cannot.
fn cannot(wanted: &Wanted, case: &Case) -> Option<String> {
    let scenario: Scenario = toml::from_str(&case.story()).ok()?;
    wanted.cannot(&Fault::all(&scenario).ok()?)
}

/// Runs the case's story, and compares what the judge says of its faults.
async fn shows(lab: &Lab, case: &Case, verdict: Verdict) -> Result<()> {
    let scenario: Scenario = toml::from_str(&case.story())?;
    let folder = tempfile::tempdir()?;
    let asked = Trial {
        name: case.name.to_owned(),
        target: Arc::new(toy()?),
        as_shipped: false,
        left_out: Vec::new(),
        scenario,
        seed: 14,
        repeat_command: String::new(),
    };
    let summary = trial::run(
        lab,
        &asked,
        &folder.path().join("run"),
        &Beside::default(),
        &|_| (),
    )
    .await?;
    let told = format!("{}: {}", summary.verdict, summary.reason);
    ensure!(summary.verdict == verdict, "{told}, and not {verdict}");
    ensure!(
        told.contains(case.says),
        "{told}: says nothing of {:?}",
        case.says
    );
    let bitten = summary.bites.join(", ");
    ensure!(
        bitten.contains(case.bites),
        "it bit {bitten:?}, and not by {:?}",
        case.bites
    );
    Ok(())
}

/// The toy with a consumer, as its program stands where cargo built it.
fn toy() -> Result<Target> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets/toy/consumer.toml");
    let text = std::fs::read_to_string(path)?;
    let program = format!("run = \"{} ", env!("CARGO_BIN_EXE_toy-outbox"));
    Ok(Target::read(
        &text.replace("run = \"toy-outbox ", &program),
    )?)
}
