//! The oracle on real servers: candidates run side by side, each into a folder of its own that is removed when it is read.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use super::{course::Oracle, signature::Signature};
use crate::{
    ask::{scenario::Scenario, trial::Trial},
    explore::{
        red::red_of,
        suite::{self, Manner, Observer, Watcher},
    },
    judge::{summary::RunSummary, verdict::Verdict},
    servers::lab::Lab,
};

/// When the lab broke in so many tries, no more are begun: what it says of the others is not worth much either.
const ENOUGH_BROKEN: usize = 3;

/// Candidates, run on a lab.
pub(super) struct Tries {
    pub lab: Arc<Lab>,
    /// What is run, but for its story.
    pub template: Trial,
    pub manner: Manner,
    pub watcher: Arc<dyn Watcher>,
    /// What a run must show; narrowed by the first that do.
    pub signature: Signature,
    /// Whether runs are still those of the original.
    pub measuring: bool,
    pub until: Instant,
    /// Runs so far.
    pub runs: usize,
    /// Why the lab broke, in each try in which it did; their folders are kept.
    pub broken: Vec<String>,
    /// The last run that was red, whose folder is kept.
    pub evidence: Option<RunSummary>,
}

impl Tries {
    /// Why nobody knows what the tries were to show, if the lab broke in any.
    pub fn unsure(&self) -> Option<String> {
        let why = self.broken.last()?;
        let (broken, of) = (self.broken.len(), self.runs);
        Some(format!("the lab broke in {broken} of {of} runs: {why}"))
    }

    async fn run(&mut self, candidates: &[Scenario]) -> Vec<Option<RunSummary>> {
        let first = self.runs;
        self.runs += candidates.len();
        let trial = |(at, scenario): (usize, &Scenario)| Trial {
            name: format!("{}/{:03}", self.template.name, first + at + 1),
            scenario: scenario.clone(),
            ..self.template.clone()
        };
        let trials: Vec<Trial> = candidates.iter().enumerate().map(trial).collect();
        let names: Vec<String> = trials.iter().map(|trial| trial.name.clone()).collect();
        let quiet = Arc::new(Quiet(self.watcher.clone()));
        let ended = suite::run(self.lab.clone(), trials, &self.manner.keeping(), quiet).await;
        let mut summaries = ended.summaries;
        names
            .iter()
            .map(|name| {
                let at = summaries.iter().position(|summary| summary.name == *name)?;
                Some(summaries.swap_remove(at))
            })
            .collect()
    }

    /// Whether a run shows it; nothing of one that was never begun or judged.
    fn shows(&mut self, summary: Option<RunSummary>) -> Option<bool> {
        let summary = summary?;
        if summary.verdict == Verdict::Error {
            // Who is interrupted is not broken.
            if !self.manner.stop.is_cancelled() {
                let why = format!("{}; {}", summary.reason, summary.folder.display());
                self.watcher.line(&format!("         the lab broke: {why}"));
                self.broken.push(why);
            }
            return None;
        }
        let red: BTreeSet<String> = match summary.verdict {
            Verdict::Fail => red_of(&summary).into_iter().collect(),
            _ => BTreeSet::new(),
        };
        let shows = match self.measuring {
            true => self.signature.seen(&red),
            false => self.signature.is(&red),
        };
        if !shows && !red.is_empty() {
            let red: Vec<String> = red.into_iter().collect();
            self.watcher
                .line(&format!("         red by others: {}", red.join(", ")));
        }
        let done = match shows {
            true => self.evidence.replace(summary),
            false => Some(summary),
        };
        if let Some(done) = done {
            self.manner.discard(&done.folder);
        }
        Some(shows)
    }
}

impl Oracle for Tries {
    async fn try_each(&mut self, candidates: &[Scenario]) -> Vec<Option<bool>> {
        let summaries = self.run(candidates).await;
        summaries
            .into_iter()
            .map(|summary| self.shows(summary))
            .collect()
    }

    fn at_once(&self) -> usize {
        self.manner.side_by_side
    }

    fn has_time(&self) -> bool {
        !self.manner.stop.is_cancelled()
            && Instant::now() < self.until
            && self.broken.len() < ENOUGH_BROKEN
    }

    fn measured(&mut self) {
        self.measuring = false;
    }

    fn told(&self, line: &str) {
        self.watcher.line(&format!("         {line}"));
    }
}

/// Tells what a run does, and of its verdict nothing: most of them are to be green.
struct Quiet(Arc<dyn Watcher>);

impl Observer for Quiet {
    fn stage(&self, name: &str, stage: &str) {
        self.0.stage(name, stage);
    }

    fn judged(&self, summary: &RunSummary) {
        self.0.over(&summary.name);
    }
}
