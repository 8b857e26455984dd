//! Exploring: scenarios that nobody has written, drawn towards what was not tried yet, one after the other until the time is
//! up. What is red is run again, made small and kept.

pub mod coverage;
pub mod draw;
pub mod phase;
mod rounds;
mod settings;
pub mod stock;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::Serialize;

use crate::{
    ask::{fault, target::Target, trial::Trial},
    explore::{
        red::red_of,
        shrink::{Red, Shrinker, Shrunk},
        suite::{self, Manner, Watcher},
        told,
    },
    servers::lab::Lab,
};
use coverage::Covered;
pub use rounds::Ended;
use rounds::{RedRun, Rounds};
use stock::{NotDrawn, Stock};

/// Says why servers cannot be done these to.
pub type Cannot = Arc<dyn Fn(&[fault::Fault]) -> Option<String> + Send + Sync>;
/// The command that runs a scenario file with a seed.
pub type Again = Arc<dyn Fn(&Path, u64) -> String + Send + Sync>;

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
    /// Seeds what is drawn: the first scenario has the number after it, each other the next.
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
    /// Why nothing new was begun before the time was up.
    pub stopped: Option<String>,
    /// Seeds what was drawn: the first scenario has the number after it, each other the next.
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
    pub told: String,
    /// The scenario that is kept.
    pub file: Option<PathBuf>,
}

impl Campaign {
    /// Explores until the time is up, then makes small what is red.
    ///
    /// # Errors
    /// When nothing can be drawn.
    pub async fn run(&self, watcher: Arc<dyn Watcher>) -> Result<Explored> {
        let began = Instant::now();
        let stock = Stock::of(&self.target, &*self.cannot);
        let rounds = Rounds {
            stock: &stock,
            target: &self.target,
            as_shipped: self.as_shipped,
            cannot: &*self.cannot,
            manner: &self.manner,
            seed: self.seed,
            budget: self.budget,
        };
        let manner = self.manner.keeping();
        let perform = |trial: Trial| {
            let (lab, manner, watcher) = (self.lab.clone(), manner.clone(), watcher.clone());
            async move { suite::one(&lab, &trial, &manner, &*watcher).await }
        };
        let log = rounds.go(&*watcher, perform).await?;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let found = self.shrunk(log.red, &watcher).await;
        Ok(Explored {
            covered: log.coverage.told(&stock),
            not_drawn: stock.not,
            ended: log.ended,
            found,
            broken: log.broken,
            stopped: log.stopped,
            seed: self.seed,
            took_ms,
        })
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
            told: String::new(),
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
            Err(error) => found.told = format!("not shrunk: {error:#}"),
            Ok(least) => {
                let again = |file: &Path| (self.again)(file, seed);
                match least.unkept() {
                    Some(why) => found.told = why,
                    None => match least.save(&self.found, again) {
                        Ok(file) => {
                            found.told = again(&file);
                            found.file = Some(file);
                        }
                        Err(error) => found.told = format!("not kept: {error:#}"),
                    },
                }
                found.least = Some(least);
            }
        }
        found
    }
}
