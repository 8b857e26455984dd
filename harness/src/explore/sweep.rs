//! Every kind of message on every edge, cut once in each legal way: what passes is listed first, then many short cases are tried
//! one after the other on one arrangement, and what is red is tried alone before it is believed.

mod drawn;
mod kind;
mod outcome;
mod plan;
mod reach;
mod survey;
mod way;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    ask::{scenario::Scenario, target::Target, trial::Trial},
    explore::{
        control,
        suite::{self, Manner, Observer, Watcher},
    },
    history::{self, FaultLife},
    judge::{summary::RunSummary, verdict::Verdict},
    run::{script, trial::Beside},
    servers::lab::Lab,
};
pub use drawn::Case;
pub(in crate::explore) use drawn::expect;
pub use kind::Kind;
pub use plan::{Cell, Outcome};
pub use reach::Reach;
pub use survey::{Known, NAME as SURVEY, Surveyed};
pub use way::{WAYS, Way, ways};

use drawn::drawn;
use kind::Census;
use outcome::{Fate, Shown};
use plan::{Batch, Plan, Time};

/// Whoever is red is tried alone for half as long again as the budget.
const FOR_SPLITS: f64 = 1.5;

/// The command that runs a scenario file with a seed.
pub type Again = Arc<dyn Fn(&str, u64) -> String + Send + Sync>;

/// What is swept, and how.
pub struct Sweep {
    /// On what it runs.
    pub lab: Arc<Lab>,
    /// What is judged.
    pub target: Arc<Target>,
    /// Without the settings of the target's `[laboratory]`.
    pub as_shipped: bool,
    /// Where runs are kept, how many are side by side, what ends them.
    pub manner: Manner,
    /// Seeds the first run; each other has the next.
    pub seed: u64,
    /// After so long nothing new is begun.
    pub budget: Duration,
    /// What repeats a case that is red.
    pub again: Again,
}

/// What a sweep found.
#[derive(Debug, Serialize)]
pub struct Swept {
    /// The kinds of messages.
    pub kinds: Vec<Known>,
    /// Each kind in each of its ways.
    pub cells: Vec<Cell>,
    /// What was red, and what repeats it.
    pub reds: Vec<Red>,
    /// What went wrong where nothing was struck.
    pub broken: Vec<String>,
    /// Runs that were made.
    pub runs: usize,
    /// Messages that were cut, in all of them.
    pub cuts: u64,
    /// How long all of it took, without the survey.
    pub took_ms: u64,
}

/// A case that is red.
#[derive(Debug, Serialize)]
pub struct Red {
    /// What was done to which message.
    pub told: String,
    /// What was wrong.
    pub why: String,
    /// Whether it was so both times.
    pub twice: bool,
    /// Its scenario.
    pub file: PathBuf,
    /// Runs it again.
    pub again: String,
}

/// Why there is nothing to sweep.
#[derive(Debug, thiserror::Error)]
pub enum NoSurvey {
    /// Nobody can be judged like this.
    #[error("nothing can be swept: {0}")]
    Lab(String),
    /// The target is red before a single message was cut.
    #[error("each connection was cut once and each process restarted, and that alone is red: {}", .0.reason)]
    Red(Box<RunSummary>),
}

impl Sweep {
    /// Lists what passes.
    pub async fn survey(&self, observer: &dyn Observer) -> Result<Surveyed, NoSurvey> {
        let census = Census::begin();
        let trial = self.trial(SURVEY, survey::scenario(&self.target), self.seed);
        let manner = self.manner.keeping();
        let beside = Beside {
            ear: Some(census.ear()),
            ..Beside::default()
        };
        let run = suite::beside(&self.lab, &trial, &manner, observer, &beside);
        let summary = run.await;
        let read = history::read(&summary.folder.join("history.jsonl"));
        let unjudged = |why: String| NoSurvey::Lab(why);
        let history = read.map_err(|error| match summary.verdict {
            Verdict::Error => unjudged(summary.reason.clone()),
            _ => unjudged(error.to_string()),
        })?;
        let shown = outcome::shown(&summary, history.faults(), &[]);
        if shown.red.is_some() && !shown.broken {
            return Err(NoSurvey::Red(Box::new(summary)));
        }
        if let Some(why) = control::refused(&summary).first() {
            return Err(unjudged(why.clone()));
        }
        self.manner.discard(&summary.folder);
        Ok(survey::surveyed(census.kinds(), &history))
    }

    /// Tries all of it, kinds first, then later instances for as long as there is time.
    pub async fn run(&self, kinds: Vec<Known>, watcher: Arc<dyn Watcher>) -> Result<Swept> {
        let began = Instant::now();
        let mut plan = Plan::of(&kinds);
        let mut under_way = JoinSet::new();
        let (mut runs, mut cuts) = (0, 0);
        loop {
            while under_way.len() < self.manner.side_by_side {
                let Some(batch) = plan.next(self.time(began)) else {
                    break;
                };
                runs += 1;
                let seed = self.seed.wrapping_add(runs as u64);
                let (trial, faults) = self.batch(&batch, runs, seed);
                let (lab, manner, watcher) =
                    (self.lab.clone(), self.manner.keeping(), watcher.clone());
                under_way.spawn(async move {
                    let summary = suite::one(&lab, &trial, &manner, &*watcher).await;
                    (batch, seed, faults, summary)
                });
            }
            let Some(ended) = under_way.join_next().await else {
                break;
            };
            let (batch, seed, faults, summary) = ended.context("the lab panicked")?;
            if self.manner.stop.is_cancelled() {
                continue;
            }
            let shown = outcome::shown(&summary, &lives(&summary), &faults);
            let struck = shown
                .fates
                .iter()
                .filter(|fate| **fate == Fate::Struck)
                .count();
            cuts += struck as u64;
            watcher.over(&summary.name);
            watcher.line(&line(&shown, &summary, plan.waiting()));
            if shown.red.is_none() {
                self.manner.discard(&summary.folder);
            }
            plan.take(batch, &shown, seed);
        }
        plan.finish();
        let reds = self.reds(&plan.cells)?;
        Ok(Swept {
            kinds,
            cells: plan.cells,
            reds,
            broken: plan.broken,
            runs,
            cuts,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn time(&self, began: Instant) -> Time {
        let used = began.elapsed();
        match () {
            () if self.manner.stop.is_cancelled() => Time::None,
            () if used < self.budget => Time::Enough,
            () if used < self.budget.mul_f64(FOR_SPLITS) => Time::ForSplits,
            () => Time::None,
        }
    }

    fn batch(&self, batch: &Batch, number: usize, seed: u64) -> (Trial, Vec<usize>) {
        let cases: Vec<Case> = batch.cases.iter().map(|(_, case)| case.clone()).collect();
        let drawn = drawn(&self.target, &cases);
        let trial = self.trial(&format!("sweep/{number:03}"), drawn.scenario, seed);
        (trial, drawn.faults)
    }

    fn trial(&self, name: &str, scenario: Scenario, seed: u64) -> Trial {
        Trial {
            name: name.to_owned(),
            target: self.target.clone(),
            as_shipped: self.as_shipped,
            scenario,
            left_out: Vec::new(),
            seed,
            repeat_command: String::new(),
        }
    }

    /// Writes a scenario for each case that is red.
    fn reds(&self, cells: &[Cell]) -> Result<Vec<Red>> {
        let mut reds = Vec::new();
        for cell in cells {
            let (why, seed, twice) = match &cell.outcome {
                Outcome::Red { why, seed } => (why, *seed, true),
                Outcome::Once { why, seed } => (why, *seed, false),
                _ => continue,
            };
            let drawn = drawn(&self.target, std::slice::from_ref(&cell.case));
            let folder = self.manner.runs.join("sweep");
            let file = folder.join(format!("{}.toml", file_name(&cell.case)));
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("making {}", folder.display()))?;
            script::write(&file, &drawn.scenario, &[])?;
            reds.push(Red {
                told: cell.case.told(),
                why: why.clone(),
                twice,
                again: (self.again)(&file.display().to_string(), seed),
                file,
            });
        }
        Ok(reds)
    }
}

fn lives(summary: &RunSummary) -> BTreeMap<usize, FaultLife> {
    let read = history::read(&summary.folder.join("history.jsonl"));
    read.map_or_else(|_| BTreeMap::new(), |history| history.faults().clone())
}

fn line(shown: &Shown, summary: &RunSummary, waiting: usize) -> String {
    let of = |wanted: Fate| shown.fates.iter().filter(|fate| **fate == wanted).count();
    let verdict = match (&shown.red, shown.broken) {
        (None, _) => "pass",
        (Some(_), false) => "red",
        (Some(_), true) => "error",
    };
    let mut line = format!(
        "{verdict:8} {:10} {:5.1} s  {} cut, {} not reached, {} not begun; {waiting} more",
        summary.name,
        summary.duration_ms as f64 / 1_000.0,
        of(Fate::Struck),
        of(Fate::Missed),
        of(Fate::NotBegun),
    );
    if let Some(why) = &shown.red {
        line.push_str(&format!("\n         {why}"));
    }
    line
}

/// The case in letters that every file system takes.
fn file_name(case: &Case) -> String {
    use sha2::{Digest, Sha256};
    let plain = |sign: char| match sign {
        sign if sign.is_ascii_alphanumeric() => sign,
        _ => '_',
    };
    let told = case.told();
    let digest = Sha256::digest(told.as_bytes());
    let digest: String = digest
        .iter()
        .take(3)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let words = format!(
        "{} {} {}",
        case.kind.edge,
        case.kind.event.name(),
        case.way.name
    );
    let words: String = words.replace("->", "to").chars().map(plain).collect();
    format!("{words}_{digest}")
}
