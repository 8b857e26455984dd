//! The scenario files: found, read, checked before anything runs, and run side by side.

mod sound;
mod written;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    lab::Lab,
    report::RunSummary,
    scenario::Scenario,
    trial::{self, Trial},
};

/// Scenarios that run at once. Each has a handful of processes that mostly wait.
pub const SIDE_BY_SIDE: usize = 3;

/// A scenario and where it comes from.
#[derive(Debug, Clone)]
pub struct Case {
    /// Folder and file name without ending, such as `recovery/broker_back`.
    pub name: String,
    /// The story.
    pub scenario: Scenario,
}

/// Reads every `*.toml` in the folders of `root`, in order of their names.
pub fn cases(root: &Path) -> Result<Vec<Case>> {
    let mut files = Vec::new();
    for folder in entries(root)? {
        if folder.is_dir() {
            files.extend(entries(&folder)?.into_iter().filter(|file| is_toml(file)));
        }
    }
    if files.is_empty() {
        bail!("no scenarios (*.toml in folders) under {}", root.display());
    }
    files.iter().map(|file| case(file)).collect()
}

/// Reads one scenario file, and refuses what could not run.
pub fn case(file: &Path) -> Result<Case> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let scenario = sound::scenario(&text).with_context(|| format!("in {}", file.display()))?;
    let stem = file.with_extension("");
    let parts: Vec<_> = stem
        .iter()
        .rev()
        .take(2)
        .filter_map(|part| part.to_str())
        .collect();
    Ok(Case {
        name: parts.into_iter().rev().collect::<Vec<_>>().join("/"),
        scenario,
    })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed =
        std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut paths = listed
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn is_toml(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "toml")
}

/// What is told about a run while it goes on.
pub trait Observer: Send + Sync + 'static {
    /// A run does something else now.
    fn stage(&self, name: &str, stage: &str);
    /// A run is judged.
    fn judged(&self, summary: &RunSummary);
}

/// Runs trials side by side and returns their summaries in the trials' order. `keep` keeps the folders of green runs.
pub async fn run(
    lab: Arc<Lab>,
    trials: Vec<Trial>,
    runs: &Path,
    keep: bool,
    observer: Arc<dyn Observer>,
) -> Result<Vec<RunSummary>> {
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut under_way = JoinSet::new();
    for (index, trial) in trials.into_iter().enumerate() {
        let (lab, places, observer) = (lab.clone(), places.clone(), observer.clone());
        let folder = runs.join(format!(
            "{}-{}-{index}",
            trial.name.replace('/', "-"),
            trial.seed
        ));
        under_way.spawn(async move {
            let _place = places.acquire_owned().await?;
            let summary = one(&lab, &trial, &folder, keep, &*observer).await?;
            observer.judged(&summary);
            anyhow::Ok((index, summary))
        });
    }
    let mut summaries = Vec::new();
    while let Some(done) = under_way.join_next().await {
        summaries.push(done??);
    }
    summaries.sort_by_key(|(index, _)| *index);
    Ok(summaries.into_iter().map(|(_, summary)| summary).collect())
}

/// Runs one trial; a green one leaves nothing behind unless asked to.
pub async fn one(
    lab: &Lab,
    trial: &Trial,
    folder: &Path,
    keep: bool,
    observer: &dyn Observer,
) -> Result<RunSummary> {
    let summary = trial::run(lab, trial, folder, &|stage| {
        observer.stage(&trial.name, stage)
    })
    .await?;
    if summary.verdict.exit_code() == 0 && !keep {
        tokio::fs::remove_dir_all(folder)
            .await
            .with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(summary)
}
