//! A mistake that is planted is shrunk to what it takes to see it, on real servers; and what is kept of it is red again with the
//! mistake, and green without.

#[path = "../../zoo/main.rs"]
mod zoo_outbox;

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Arguments, Trial as Test};
use outbox_harness::{
    ask::{trial::Trial, zoo::House},
    explore::{
        red::red_of,
        shrink::{Red, Shrinker, Shrunk},
        suite::{self, Manner, Observer, Watcher},
        zoo::{self, Zoo},
    },
    judge::{summary::RunSummary, verdict::Verdict},
    servers::{lab::Lab, shared_lab::SharedLab},
    system,
};
use tokio_util::sync::CancellationToken;

/// The mistake, and a story that shows it.
const BUG: &str = "publish-error-swallowed";
const STORY: &str = "recovery/broker_back";
/// A run that takes longer has hung.
const CASE_WITHIN: Duration = Duration::from_secs(240);
/// For making it small.
const SHRUNK_WITHIN: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    if let Some(args) = system::as_zoo() {
        return zoo_outbox::play(args);
    }
    let lab = match SharedLab::for_tests() {
        Ok(lab) => lab,
        Err(ended) => return ended,
    };
    let shared = lab.clone();
    let test = Test::test(
        "what_is_left_of_a_run_is_small_and_red_again_from_its_file_and_green_without_the_mistake",
        move || Ok(shared.show(CASE_WITHIN, async |lab| shrunk(lab).await)?),
    );
    let conclusion = libtest_mimic::run(&Arguments::from_args(), vec![test]);
    lab.strike();
    conclusion.exit_code()
}

async fn shrunk(lab: Arc<Lab>) -> Result<()> {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let zoo = Zoo::open(&zoo::folder(), &scenarios)?;
    let runs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shrink");
    let manner = Manner {
        runs: runs.clone(),
        keep: true,
        side_by_side: 3,
        stop: CancellationToken::new(),
    };
    let trial = zoo.trial(STORY, &House::default(), Some(BUG), 7)?;
    let summary = suite::one(&lab, &trial, &manner, &Quiet).await;
    let shrinker = Shrinker {
        lab: lab.clone(),
        manner: manner.clone(),
        within: SHRUNK_WITHIN,
        runs: 3,
    };
    let red = Red::of(&summary, &trial)?;
    let least = shrinker.shrink(&red, Arc::new(Quiet)).await?;
    is_small(&least)?;

    let file = least.save(&runs.join("found"), |_| "lab run it".to_owned())?;
    let again = Trial {
        scenario: suite::read(&file)?,
        ..trial
    };
    let sick = suite::one(&lab, &again, &manner, &Quiet).await;
    let found = red_of(&sick);
    ensure!(
        least.checkers.iter().all(|checker| found.contains(checker)),
        "{found:?} are red, and not all of {:?}: {}",
        least.checkers,
        sick.reason
    );
    let healthy = Trial {
        target: zoo.trial(STORY, &House::default(), None, 7)?.target,
        ..again
    };
    let healthy = suite::one(&lab, &healthy, &manner, &Quiet).await;
    ensure!(
        healthy.verdict == Verdict::Pass,
        "without the mistake: {}",
        healthy.reason
    );
    std::fs::remove_dir_all(&runs).context("removing the runs")
}

fn is_small(least: &Shrunk) -> Result<()> {
    let (faults, operations) = (least.faults[1], least.operations[1]);
    ensure!(
        faults <= 2 && operations <= 6,
        "{faults} faults and {operations} operations are left"
    );
    if let Some(why) = least.unkept() {
        bail!(why);
    }
    ensure!(
        least.checkers.iter().any(|checker| checker == "loss"),
        "{:?}",
        least.checkers
    );
    Ok(())
}

/// The test runner has its own way of showing progress.
struct Quiet;

impl Observer for Quiet {
    fn stage(&self, _: &str, _: &str) {}
    fn judged(&self, _: &RunSummary) {}
}

impl Watcher for Quiet {
    fn line(&self, line: &str) {
        eprintln!("{line}");
    }

    fn over(&self, _: &str) {}
}
