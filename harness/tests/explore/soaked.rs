//! A soak on one arrangement: what is well is judged at each rest and goes on, what is not ends it.

use std::{path::Path, sync::Arc, sync::Mutex, time::Duration};

use anyhow::{Context, Result, ensure};
use outbox_harness::{
    ask::{fault::Fault, trial::Trial, zoo::House},
    explore::soak::{self, Asked},
    judge::{summary::RunSummary, verdict::Verdict},
    run::{
        soak::{Window, Windows},
        trial::{self, Beside},
    },
    servers::lab::Lab,
};

use super::{runs, zoo};

/// A mistake that needs no fault to show.
const BUG: &str = "transient-messages";
const STORY: &str = "recovery/broker_back";
const WINDOWS: u32 = 3;
const LENGTH: Duration = Duration::from_secs(3);

pub async fn shown(lab: Arc<Lab>) -> Result<()> {
    let runs = runs("soak");
    if runs.exists() {
        std::fs::remove_dir_all(&runs).context("removing what an earlier case left")?;
    }
    let (healthy, seen) = soaked(&lab, None, &runs.join("healthy")).await?;
    ensure!(
        matches!(healthy.verdict, Verdict::Pass | Verdict::Vacuous),
        "healthy: {}",
        healthy.reason
    );
    // The last one is judged as the run is.
    ensure!(seen.len() + 1 == WINDOWS as usize, "{} windows", seen.len());
    let requests: Vec<u64> = seen.iter().map(|window| window.requests).collect();
    ensure!(requests == [60, 120], "{requests:?} requests");
    for held in healthy.metrics.held.values() {
        ensure!(held.looks == WINDOWS as usize, "{:?}", healthy.metrics.held);
    }
    ensure!(
        healthy.metrics.held.len() >= 3,
        "{:?}",
        healthy.metrics.held
    );

    let folder = runs.join("sick");
    let (sick, seen) = soaked(&lab, Some(BUG), &folder).await?;
    let red = seen.last().context("no window")?;
    ensure!(seen.len() == 1, "{} windows", seen.len());
    let against: Vec<&str> = red
        .against()
        .map(|finding| finding.checker.as_str())
        .collect();
    ensure!(against == ["persistent"], "{against:?}");
    ensure!(
        folder.join("window-001/history.jsonl").is_file(),
        "its history is kept"
    );
    ensure!(sick.verdict == Verdict::Fail, "{}", sick.reason);
    std::fs::remove_dir_all(&runs).context("removing the runs")
}

async fn soaked(lab: &Lab, bug: Option<&str>, folder: &Path) -> Result<(RunSummary, Vec<Window>)> {
    let trial = zoo()?.trial(STORY, &House::default(), bug, 7)?;
    let asked = Asked::of(&trial.target, LENGTH * WINDOWS, 20)?;
    // Other cases run on these servers, too.
    let own = |faults: &[Fault]| {
        let breaks = faults.iter().any(|fault| fault.breaks_server().is_some());
        breaks.then(|| "it breaks a server".to_owned())
    };
    let trial = Trial {
        name: format!("soak/{}", bug.unwrap_or("healthy")),
        scenario: soak::drawn(&trial.target, own, asked, 7)?,
        ..trial
    };
    let seen = Mutex::new(Vec::new());
    let windows = Windows {
        count: WINDOWS,
        length: LENGTH,
        rest_within: Duration::from_secs(60),
        judged: &|window: &Window| seen.lock().expect("nobody panics").push(window.clone()),
    };
    let beside = Beside {
        windows: Some(&windows),
        ..Beside::default()
    };
    let summary = trial::run(lab, &trial, folder, &beside, &|_| {}).await?;
    Ok((summary, seen.into_inner().expect("nobody panics")))
}
