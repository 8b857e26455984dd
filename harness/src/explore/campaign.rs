//! Exploring: scenarios that nobody has written, drawn towards what was not tried yet, one after the other until the time is
//! up. What is red is run again, made small and kept.

pub mod coverage;
pub mod draw;
pub mod phase;
mod settings;
pub mod stock;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    ask::{fault, target::Target, trial::Trial},
    explore::{
        red::red_of,
        shrink::{Red, Shrinker, Shrunk, Watcher},
        suite::{self, Manner},
        told,
    },
    history::{self, History},
    judge::{summary::RunSummary, verdict::Verdict},
    servers::lab::Lab,
};
use coverage::{Coverage, Covered, Spot};
use draw::{Drawer, Drawn};
use phase::{Phase, struck_in};
use stock::{NotDrawn, Stock};

/// When so many runs are red, what is wrong is looked at before anything new is begun.
const ENOUGH_RED: usize = 8;

/// Says why servers cannot be done these to.
pub type Cannot = Arc<dyn Fn(&[fault::Fault]) -> Option<String> + Send + Sync>;
/// The command that runs a scenario file with a seed.
pub type Again = Arc<dyn Fn(&std::path::Path, u64) -> String + Send + Sync>;

/// What is explored, and how.
pub struct Campaign {
    /// On what it runs.
    pub lab: Arc<Lab>,
    /// Who is judged.
    pub target: Arc<Target>,
    /// Without the settings of the target's `[laboratory]`.
    pub as_shipped: bool,
    /// Where runs are kept, how many are side by side, what ends them.
    pub manner: Manner,
    /// Seeds the first scenario; each other has the next.
    pub seed: u64,
    /// After so long nothing new is begun.
    pub budget: Duration,
    /// What is red is made small within so long each.
    pub shrink_within: Duration,
    /// Where what is found is kept.
    pub found: PathBuf,
    /// What servers cannot be done.
    pub cannot: Cannot,
    /// How a scenario file is run.
    pub again: Again,
}

/// How runs ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Every fault bit, and all was well.
    pub pass: usize,
    /// All was well, and a fault met nothing: that shows little, and is no failure.
    pub vacuous: usize,
    /// Not enough was seen to say.
    pub unknown: usize,
    /// A checker is red.
    pub red: usize,
    /// The lab broke.
    pub broken: usize,
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Explored {
    /// Of what could be.
    pub covered: Covered,
    /// Of the catalogue, what was not drawn, and why.
    pub not_drawn: Vec<NotDrawn>,
    /// How the runs ended.
    pub ended: Ended,
    /// What is red, by the checkers.
    pub found: Vec<Found>,
    /// Why the lab broke, where it did.
    pub broken: Vec<String>,
    /// Seeds the first scenario.
    pub seed: u64,
    /// Without what was made small.
    pub took_ms: u64,
}

/// Something red.
#[derive(Debug, Serialize)]
pub struct Found {
    /// The checkers.
    pub checkers: Vec<String>,
    /// What the first of them says.
    pub why: String,
    /// The scenario as it was drawn.
    pub story: String,
    /// Its run, with the scenario and its plan.
    pub folder: PathBuf,
    /// How many other runs are red by the same.
    pub others: usize,
    /// What is left of it; nothing where there was no time, or something went wrong.
    pub least: Option<Shrunk>,
    /// Why there is nothing left, or what repeats it.
    pub told: Vec<String>,
    /// The scenario that is kept.
    pub file: Option<PathBuf>,
}

/// A run that was red, and of what it was one.
struct RedRun {
    summary: RunSummary,
    trial: Trial,
}

/// What is known of everything so far.
#[derive(Default)]
struct Log {
    coverage: Coverage,
    ended: Ended,
    broken: Vec<String>,
    red: Vec<RedRun>,
}

impl Campaign {
    /// Explores until the time is up, then makes small what is red.
    ///
    /// # Errors
    /// When nothing can be drawn, or the lab panics.
    pub async fn run(&self, watcher: Arc<dyn Watcher>) -> Result<Explored> {
        let began = Instant::now();
        let stock = Stock::of(&self.target, &*self.cannot);
        let log = self.explore(&stock, began, &watcher).await?;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let found = self.shrunk(log.red, &watcher).await;
        Ok(Explored {
            covered: log.coverage.told(&stock),
            not_drawn: stock.not,
            ended: log.ended,
            found,
            broken: log.broken,
            seed: self.seed,
            took_ms,
        })
    }

    async fn explore(
        &self,
        stock: &Stock,
        began: Instant,
        watcher: &Arc<dyn Watcher>,
    ) -> Result<Log> {
        let drawer = Drawer {
            target: &self.target,
            stock,
            cannot: &*self.cannot,
        };
        let mut log = Log::default();
        let mut under_way = JoinSet::new();
        let mut number = 0;
        loop {
            while under_way.len() < self.manner.side_by_side && self.goes_on(began, &log) {
                number += 1;
                let seed = self.seed.wrapping_add(number);
                let drawn = drawer.next(seed, &log.coverage)?;
                log.coverage.drawn(&drawn.spots);
                let trial = self.trial(number, seed, &drawn);
                let (lab, watcher) = (self.lab.clone(), watcher.clone());
                let manner = Manner {
                    keep: true,
                    ..self.manner.clone()
                };
                under_way.spawn(async move {
                    let summary = suite::one(&lab, &trial, &manner, &Quiet(watcher)).await;
                    (drawn, trial, summary)
                });
            }
            let Some(ended) = under_way.join_next().await else {
                return Ok(log);
            };
            let (drawn, trial, summary) = ended.context("the lab panicked")?;
            if self.manner.stop.is_cancelled() {
                continue;
            }
            watcher.over(&summary.name);
            watcher.line(&line(&summary, &trial));
            self.note(&mut log, &drawn, trial, summary);
        }
    }

    fn goes_on(&self, began: Instant, log: &Log) -> bool {
        !self.manner.stop.is_cancelled()
            && began.elapsed() < self.budget
            && log.red.len() < ENOUGH_RED
    }

    fn trial(&self, number: u64, seed: u64, drawn: &Drawn) -> Trial {
        Trial {
            name: format!("explore/{number:04}"),
            target: self.target.clone(),
            as_shipped: self.as_shipped,
            scenario: drawn.scenario.clone(),
            left_out: Vec::new(),
            seed,
            repeat_command: String::new(),
        }
    }

    /// What a run covers counts also where it is red. Its folder stays only then, or when all are kept.
    fn note(&self, log: &mut Log, drawn: &Drawn, trial: Trial, summary: RunSummary) {
        let history = history::read(&summary.folder.join("history.jsonl")).ok();
        let bitten = history.map(|history| bitten(&history, &drawn.spots));
        log.coverage.bit(&bitten.unwrap_or_default());
        let ended = &mut log.ended;
        match summary.verdict {
            Verdict::Pass => ended.pass += 1,
            Verdict::Vacuous => ended.vacuous += 1,
            Verdict::Unknown => ended.unknown += 1,
            Verdict::Fail => {
                ended.red += 1;
                return log.red.push(RedRun { summary, trial });
            }
            Verdict::Error => {
                ended.broken += 1;
                let told = format!("{}; {}", summary.reason, summary.folder.display());
                return log.broken.push(told);
            }
        }
        if !self.manner.keep
            && let Err(error) = std::fs::remove_dir_all(&summary.folder)
        {
            tracing::warn!("removing {}: {error}", summary.folder.display());
        }
    }

    /// Of those that are red by the same checkers the one with the least in it is made small.
    async fn shrunk(&self, mut red: Vec<RedRun>, watcher: &Arc<dyn Watcher>) -> Vec<Found> {
        let size = |run: &RedRun| {
            let scenario = &run.trial.scenario;
            let plan = scenario.plan.as_ref();
            (
                scenario.faults.len(),
                plan.map_or(0, |plan| plan.operations.len()),
            )
        };
        red.sort_by_key(size);
        let mut found: Vec<Found> = Vec::new();
        for run in red {
            let checkers = red_of(&run.summary);
            let known = found.iter_mut().find(|known| known.checkers == checkers);
            match known {
                Some(known) => known.others += 1,
                None => found.push(self.made_small(run, checkers, watcher).await),
            }
        }
        found
    }

    async fn made_small(
        &self,
        run: RedRun,
        checkers: Vec<String>,
        watcher: &Arc<dyn Watcher>,
    ) -> Found {
        let RedRun { summary, trial } = run;
        let seed = trial.seed;
        let mut found = Found {
            checkers,
            why: summary.reason.clone(),
            story: told::story(&trial.scenario),
            folder: summary.folder.clone(),
            others: 0,
            least: None,
            told: Vec::new(),
            file: None,
        };
        watcher.line(&format!("red by {}: made small", found.checkers.join(", ")));
        let shrinker = Shrinker {
            lab: self.lab.clone(),
            manner: self.manner.clone(),
            within: self.shrink_within,
            runs: 5,
        };
        let shrunk = async {
            let red = Red::of(&summary, &trial)?;
            shrinker.shrink(&red, watcher.clone()).await
        };
        match shrunk.await {
            Err(error) => found.told.push(format!("not shrunk: {error:#}")),
            Ok(least) => {
                match least.unkept() {
                    Some(why) => found.told.push(why),
                    None => match least.save(&self.found, |file| (self.again)(file, seed)) {
                        Ok(file) => {
                            found.told.push((self.again)(&file, seed));
                            found.file = Some(file);
                        }
                        Err(error) => found.told.push(format!("not kept: {error:#}")),
                    },
                }
                found.least = Some(least);
            }
        }
        found
    }
}

/// What of a run's faults bit, each in its phase.
fn bitten(history: &History, spots: &[(Spot, Phase)]) -> Vec<(Spot, Phase)> {
    let each = spots.iter().enumerate();
    each.filter_map(|(fault, (spot, _))| Some((spot.clone(), struck_in(history, fault)?)))
        .collect()
}

fn line(summary: &RunSummary, trial: &Trial) -> String {
    let faults: Vec<String> = trial.scenario.faults.iter().map(told::fault).collect();
    let mut line = format!(
        "{:8} {} {:5.1} s  {}",
        summary.verdict.to_string(),
        summary.name,
        summary.duration_ms as f64 / 1_000.0,
        faults.join("; ")
    );
    if summary.verdict != Verdict::Pass {
        line.push_str(&format!("\n         {}", summary.reason));
    }
    line
}

/// Tells what a run does, and leaves what became of it to who asked.
struct Quiet(Arc<dyn Watcher>);

impl suite::Observer for Quiet {
    fn stage(&self, name: &str, stage: &str) {
        self.0.stage(name, stage);
    }
}
