//! The scenario files: found, read, checked before anything runs, and run side by side.

mod sound;

use std::{
    collections::HashMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::scenario::{Plan, Scenario},
    ask::trial::Trial,
    explore::evidence,
    judge::summary::RunSummary,
    judge::verdict::Verdict,
    os::causes::Causes,
    run::live::Live,
    run::trial::{self, Beside},
    servers::lab::Lab,
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

/// Reads one scenario file and its plan, wherever they stand.
pub fn read(file: &Path) -> Result<Scenario> {
    case(file).map(|case| case.scenario)
}

/// Reads one scenario file and the plan beside it, if there is one, and refuses what could not run.
pub fn case(file: &Path) -> Result<Case> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let plan = plan(&Plan::beside(file))?;
    let scenario =
        sound::scenario(&text, plan).with_context(|| format!("in {}", file.display()))?;
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

fn plan(file: &Path) -> Result<Option<Plan>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    };
    let plan = Plan::read(&text).with_context(|| format!("in {}", file.display()))?;
    Ok(Some(plan))
}

/// Refuses a scenario that could not run, as its file would be refused.
pub fn sound(scenario: &Scenario) -> Result<()> {
    let mut alone = scenario.clone();
    let plan = alone.plan.take();
    sound::scenario(&toml::to_string(&alone)?, plan).map(drop)
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
    /// A run is judged. Whoever asked for it may rather say it himself.
    fn judged(&self, _summary: &RunSummary) {}
    /// Where runs are shown while they go on.
    fn live(&self) -> Option<&Live> {
        None
    }
}

/// What is told while many runs go on of which each has one line.
pub trait Watcher: Observer {
    /// A line for the reader.
    fn line(&self, line: &str);
    /// A run is over.
    fn over(&self, name: &str);
}

/// How trials are run.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Where their folders are made.
    pub runs: PathBuf,
    /// Keeps the folders of green runs, too.
    pub keep: bool,
    /// How many run at once.
    pub side_by_side: usize,
    /// Ends what is under way, and begins nothing more.
    pub stop: CancellationToken,
}

impl Manner {
    /// The same for whoever reads what each run leaves before it is removed.
    #[must_use]
    pub fn keeping(&self) -> Self {
        Self {
            keep: true,
            ..self.clone()
        }
    }

    /// Removes what a run has left, unless all of it is kept.
    pub fn discard(&self, folder: &Path) {
        if !self.keep
            && let Err(error) = std::fs::remove_dir_all(folder)
        {
            tracing::warn!("removing {}: {error}", folder.display());
        }
    }
}

/// What is known when a suite has ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// The trials that began, in their order.
    pub summaries: Vec<RunSummary>,
    /// The names of those that never did, because the suite was stopped before.
    pub not_begun: Vec<String>,
}

/// Runs trials side by side. Whatever becomes of one of them, the others' results stand.
pub async fn run(
    lab: Arc<Lab>,
    trials: Vec<Trial>,
    manner: &Manner,
    observer: Arc<dyn Observer>,
) -> Ended {
    let perform = {
        let (lab, manner) = (lab.clone(), manner.clone());
        move |trial: Trial| {
            let (lab, manner, observer) = (lab.clone(), manner.clone(), observer.clone());
            async move {
                let summary = one(&lab, &trial, &manner, &*observer).await;
                observer.judged(&summary);
                summary
            }
        }
    };
    let performed = side_by_side(&trials, manner, perform).await;
    let mut ended = Ended::default();
    for (trial, performed) in trials.iter().zip(performed) {
        match performed {
            Some(Ok(summary)) => ended.summaries.push(summary),
            Some(Err(panic)) => {
                let broken = RunSummary::broken(trial, lab.describe(), &manner.runs, panic);
                ended.summaries.push(broken);
            }
            None => ended.not_begun.push(trial.name.clone()),
        }
    }
    ended
}

/// What became of each trial, in their order: `None` if it never began, an error if it panicked.
async fn side_by_side<F, R>(
    trials: &[Trial],
    manner: &Manner,
    perform: F,
) -> Vec<Option<Result<RunSummary, String>>>
where
    F: Fn(Trial) -> R,
    R: Future<Output = RunSummary> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(manner.side_by_side));
    let mut under_way = JoinSet::new();
    let mut index_of = HashMap::new();
    for (index, trial) in trials.iter().enumerate() {
        let place = tokio::select! {
            biased;
            () = manner.stop.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let work = perform(trial.clone());
        let task = under_way.spawn(async move {
            let _place = place;
            work.await
        });
        index_of.insert(task.id(), index);
    }
    let mut performed: Vec<_> = trials.iter().map(|_| None).collect();
    while let Some(done) = under_way.join_next_with_id().await {
        let (id, done) = match done {
            Ok((id, summary)) => (id, Ok(summary)),
            Err(error) => (error.id(), Err(format!("the lab panicked: {error}"))),
        };
        performed[index_of[&id]] = Some(done);
    }
    performed
}

/// Runs one trial into a folder of its own; a green one leaves nothing behind unless asked to. Whatever keeps it from being
/// judged is its verdict.
pub async fn one(lab: &Lab, trial: &Trial, manner: &Manner, observer: &dyn Observer) -> RunSummary {
    let watched = Beside {
        live: observer.live(),
        ..Beside::default()
    };
    beside(lab, trial, manner, observer, &watched).await
}

/// The same, with somebody beside it.
pub async fn beside(
    lab: &Lab,
    trial: &Trial,
    manner: &Manner,
    observer: &dyn Observer,
    beside: &Beside<'_>,
) -> RunSummary {
    let broken = |folder: &Path, why| RunSummary::broken(trial, lab.describe(), folder, why);
    let folder = match evidence::folder(&manner.runs, &trial.name, trial.seed) {
        Ok(folder) => folder,
        Err(error) => return broken(&manner.runs, error.to_string()),
    };
    let stage = |stage: &str| observer.stage(&trial.name, stage);
    let judged = tokio::select! {
        biased;
        () = manner.stop.cancelled() => Err(anyhow!("interrupted before it could be judged")),
        judged = trial::run(lab, trial, &folder, beside, &stage) => judged,
    };
    match judged {
        Ok(summary) if summary.verdict == Verdict::Pass && !manner.keep => {
            match tokio::fs::remove_dir_all(&folder).await {
                Ok(()) => summary,
                Err(error) => broken(&folder, format!("removing {}: {error}", folder.display())),
            }
        }
        Ok(summary) => summary,
        Err(error) => broken(&folder, Causes(&error).to_string()),
    }
}

#[cfg(test)]
mod tests;
