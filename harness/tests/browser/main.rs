//! A real browser, headless, uses what people look at: the live page, the report, and the page of the service. It does what they
//! do, by pointer and by keyboard, and nothing may be left in its console.

mod browser;
mod lab;
mod live;
mod programs;
mod report;
mod service;

use std::{
    future::Future,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use libtest_mimic::{Arguments, Trial};
use outbox_harness::os::environment;
use tokio::time::timeout;

use programs::Programs;

/// A case that takes longer has hung.
const CASE_WITHIN: Duration = Duration::from_secs(240);
/// As everywhere in the lab: it could not be set up.
const NO_LAB: u8 = 4;

fn main() -> ExitCode {
    if let Err(error) = environment::clean() {
        eprintln!("starting again without variables that steer servers: {error}");
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::from_args();
    let programs = match arguments.list {
        true => Programs::nowhere(),
        false => match Programs::provide(&|line| eprintln!("{line}")) {
            Ok(programs) => programs,
            Err(why) => {
                eprintln!("{why:#}");
                return ExitCode::from(NO_LAB);
            }
        },
    };
    let (one, other) = (programs.clone(), programs);
    let tests = vec![
        Trial::test(
            "what_is_broken_by_hand_is_seen_healed_and_judged_and_makes_a_report",
            move || Ok(case(async { live::played(&one, &folder("live")?).await })?),
        ),
        Trial::test(
            "bids_are_taken_while_the_broker_is_away_and_seen_when_it_is_back",
            move || {
                Ok(case(async {
                    service::bid(&other, &folder("service")?).await
                })?)
            },
        ),
    ];
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn case(case: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let ended = timeout(CASE_WITHIN, case).await;
        let ended = ended.with_context(|| format!("it took longer than {CASE_WITHIN:?}"));
        // With its causes: the test runner tells an error without them.
        ended.flatten().map_err(|error| anyhow!("{error:#}"))
    })
}

/// An empty folder for a case.
fn folder(of: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("browser")
        .join(of);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
