//! One drawn scenario after the other, side by side, until the time is up or there is enough to look at.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    coverage::{Coverage, Spot},
    draw::{Drawer, Drawn},
    phase::{Phase, struck_in},
    stock::Stock,
};
use crate::{
    ask::{fault, target::Target, trial::Trial},
    explore::{
        suite::{Manner, Watcher},
        told,
    },
    history::{self, History},
    judge::{summary::RunSummary, verdict::Verdict},
};

/// When so many runs are red, or the lab broke in so many, what is wrong is looked at before anything new is begun.
const ENOUGH: usize = 8;

/// What is drawn and run, and for how long.
pub(super) struct Rounds<'c> {
    pub stock: &'c Stock,
    pub target: &'c Arc<Target>,
    pub as_shipped: bool,
    /// Why servers cannot be done these to.
    pub cannot: &'c (dyn Fn(&[fault::Fault]) -> Option<String> + Sync),
    pub manner: &'c Manner,
    /// The first scenario has the number after it, each other the next.
    pub seed: u64,
    /// After so long nothing new is begun.
    pub budget: Duration,
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

/// A run that was red, and of what it was one.
pub(super) struct RedRun {
    pub summary: RunSummary,
    pub trial: Trial,
}

/// What is known of everything so far.
#[derive(Default)]
pub(super) struct Log {
    pub coverage: Coverage,
    pub ended: Ended,
    /// Why the lab broke, where it did.
    pub broken: Vec<String>,
    pub red: Vec<RedRun>,
    /// Why nothing new is begun, where there is time.
    pub stopped: Option<String>,
}

impl Rounds<'_> {
    /// Draws and performs. What was found stands, whatever becomes of what is drawn or run after it.
    ///
    /// # Errors
    /// When nothing at all can be drawn.
    pub async fn go<R>(&self, watcher: &dyn Watcher, perform: impl Fn(Trial) -> R) -> Result<Log>
    where
        R: Future<Output = RunSummary> + Send + 'static,
    {
        let began = Instant::now();
        let drawer = Drawer {
            target: self.target,
            stock: self.stock,
            cannot: self.cannot,
        };
        let mut log = Log::default();
        let mut under_way = JoinSet::new();
        let mut number = 0;
        loop {
            while under_way.len() < self.manner.side_by_side && self.goes_on(began, &log) {
                number += 1;
                let seed = self.seed.wrapping_add(number);
                let drawn = match drawer.next(seed, &log.coverage) {
                    Ok(drawn) => drawn,
                    Err(error) if number == 1 => return Err(error),
                    Err(error) => {
                        log.stops(watcher, format!("nothing more can be drawn: {error:#}"));
                        break;
                    }
                };
                log.coverage.drawn(&drawn.spots);
                let trial = self.trial(number, seed, &drawn);
                let run = perform(trial.clone());
                under_way.spawn(async move {
                    // A task of its own: when it panics, it is still known of what it was a run.
                    let summary = tokio::spawn(run).await;
                    (drawn, trial, summary)
                });
            }
            let Some(ended) = under_way.join_next().await else {
                return Ok(log);
            };
            let (drawn, trial, summary) = ended?;
            if self.manner.stop.is_cancelled() {
                continue;
            }
            let panicked = |panic| {
                let why = format!("the lab panicked: {panic}");
                RunSummary::broken(&trial, Vec::new(), &self.manner.runs, why)
            };
            let summary = summary.unwrap_or_else(panicked);
            watcher.over(&summary.name);
            watcher.line(&line(&summary, &trial));
            self.note(&mut log, &drawn, trial, summary);
            if self.goes_on(began, &log)
                && let Some(enough) = log.enough()
            {
                log.stops(watcher, enough);
            }
        }
    }

    fn goes_on(&self, began: Instant, log: &Log) -> bool {
        !self.manner.stop.is_cancelled() && began.elapsed() < self.budget && log.stopped.is_none()
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

    /// What a run covers counts also where it is red, and not where the lab broke or nobody knows what it was: its faults may
    /// have met what was broken already. Its folder stays where it is red or broken, or when all are kept.
    fn note(&self, log: &mut Log, drawn: &Drawn, trial: Trial, summary: RunSummary) {
        if matches!(
            summary.verdict,
            Verdict::Pass | Verdict::Vacuous | Verdict::Fail
        ) && let Ok(history) = history::read(&summary.folder.join("history.jsonl"))
        {
            log.coverage.bit(&bitten(&history, &drawn.spots));
        }
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
        self.manner.discard(&summary.folder);
    }
}

impl Log {
    fn enough(&self) -> Option<String> {
        match () {
            () if self.red.len() >= ENOUGH => Some(format!("{ENOUGH} runs are red")),
            () if self.broken.len() >= ENOUGH => Some(format!("the lab broke in {ENOUGH} runs")),
            () => None,
        }
    }

    fn stops(&mut self, watcher: &dyn Watcher, why: String) {
        watcher.line(&format!("nothing new is begun: {why}"));
        self.stopped = Some(why);
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

#[cfg(test)]
mod tests;
