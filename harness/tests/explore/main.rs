//! What is drawn, and what is made of it, on real servers: a run that is red is shrunk, and a soak judged window by window.

#[path = "../../zoo/main.rs"]
mod zoo_outbox;

mod shrunk;
mod soaked;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use libtest_mimic::{Arguments, Trial as Test};
use outbox_harness::{
    explore::{
        suite::{Observer, Watcher},
        zoo::{self, Zoo},
    },
    judge::summary::RunSummary,
    servers::shared_lab::SharedLab,
    system,
};

/// A run that takes longer has hung.
const CASE_WITHIN: Duration = Duration::from_secs(240);

fn main() -> ExitCode {
    if let Some(args) = system::as_zoo() {
        return zoo_outbox::play(args);
    }
    let lab = match SharedLab::for_tests() {
        Ok(lab) => lab,
        Err(ended) => return ended,
    };
    let (one, other) = (lab.clone(), lab.clone());
    let tests = vec![
        Test::test(
            "what_is_left_of_a_run_is_small_and_red_again_from_its_file_and_green_without_the_mistake",
            move || Ok(one.show(CASE_WITHIN, async |lab| shrunk::shown(lab).await)?),
        ),
        Test::test(
            "a_soak_is_judged_at_each_rest_and_ends_where_it_is_red",
            move || Ok(other.show(CASE_WITHIN, async |lab| soaked::shown(lab).await)?),
        ),
    ];
    let conclusion = libtest_mimic::run(&Arguments::from_args(), tests);
    lab.strike();
    conclusion.exit_code()
}

fn zoo() -> Result<Zoo> {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    Zoo::open(&zoo::folder(), &scenarios)
}

/// Where a case leaves its runs.
fn runs(of: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(of)
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
