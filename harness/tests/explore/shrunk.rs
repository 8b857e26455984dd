//! A mistake that is planted is shrunk to what it takes to see it; and what is kept of it is red again with the mistake, and green
//! without.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use outbox_harness::{
    ask::{trial::Trial, zoo::House},
    explore::{
        red::red_of,
        shrink::{Red, Shrinker, Shrunk},
        suite::{self, Manner},
    },
    judge::verdict::Verdict,
    servers::lab::Lab,
};
use tokio_util::sync::CancellationToken;

use super::{Quiet, runs, zoo};

/// The mistake, and a story that shows it.
const BUG: &str = "publish-error-swallowed";
const STORY: &str = "recovery/broker_back";
/// For making it small.
const SHRUNK_WITHIN: Duration = Duration::from_secs(120);

pub async fn shown(lab: Arc<Lab>) -> Result<()> {
    let (zoo, runs) = (zoo()?, runs("shrink"));
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
