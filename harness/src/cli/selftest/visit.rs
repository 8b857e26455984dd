//! From cage to cage: the runs that show a mistake, and those that must stay green.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use anyhow::Result;

use crate::{
    ask::{
        trial::Trial,
        zoo::{Cage, House},
    },
    cli::{progress::Progress, tell},
    explore::{
        red::red_of,
        suite::{self, Manner, Observer},
        zoo::{
            Zoo,
            outcome::{Outcome, hits},
        },
    },
    judge::{summary::RunSummary, verdict::Verdict},
    os::causes::Causes,
    report::Row,
    servers::{backend::Wanted, lab::Lab},
};

/// Between the seeds of two cages: more than a cage has runs.
pub(super) const RUNS_OF_A_CAGE: u64 = 100;

/// What the runs have in common.
pub(super) struct Visit {
    pub zoo: Zoo,
    pub lab: Arc<Lab>,
    pub servers: Wanted,
    pub manner: Manner,
    pub shown: Arc<Progress>,
    pub seed: u64,
}

/// A run of the healthy outbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Healthy {
    pub story: String,
    house: House,
}

impl Healthy {
    /// Those that the cages need, each once.
    pub fn of(cages: &[Cage]) -> Vec<Self> {
        let each = cages.iter().flat_map(|cage| {
            let stories = cage.stories.iter();
            stories.map(|story| Self {
                story: story.clone(),
                house: cage.house(),
            })
        });
        each.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Visit {
    /// Every story that the outbox can be put through; of the others the reason is told.
    pub fn everything(&self) -> Result<Vec<Healthy>> {
        let mut all = Healthy::of(&self.zoo.manifest.cages);
        for (story, why) in self.zoo.fitting()? {
            let healthy = Healthy {
                story: story.to_owned(),
                house: House::default(),
            };
            match why {
                Some(why) => tell(format_args!("not run  {story}: {why}")),
                None if all.contains(&healthy) => {}
                None => all.push(healthy),
            }
        }
        Ok(all)
    }

    /// Runs the healthy outbox, and says why it is not green.
    pub async fn healthy(&self, healthy: Healthy, at: usize) -> (Healthy, Option<String>) {
        let seed = self.seed.wrapping_add(at as u64);
        let why = match self.run(&healthy.story, &healthy.house, None, seed).await {
            Ok(summary) => self.not_green(&summary),
            Err(error) => Some(Causes(&error).to_string()),
        };
        (healthy, why)
    }

    /// Shows a mistake: its stories one after the other until it is caught, and then its neighbour.
    pub async fn cage(&self, cage: &Cage, at: usize, sick: &[(Healthy, String)]) -> Row {
        let seed = self.seed.wrapping_add((at as u64 + 1) * RUNS_OF_A_CAGE);
        let mut last = (Outcome::NeverFired, String::new(), 0.0);
        for (seed, story) in (seed..).zip(&cage.stories) {
            let began = Instant::now();
            let outcome = self.shown_by(cage, story, seed).await;
            last = (outcome, story.clone(), began.elapsed().as_secs_f64());
            if !matches!(last.0, Outcome::Missed(_) | Outcome::NeverFired) {
                break;
            }
        }
        let (outcome, story, seconds) = last;
        let green = self
            .green(cage, &story, seed + RUNS_OF_A_CAGE / 2, sick)
            .await;
        let well = outcome.is_caught() && green.is_ok();
        let row = Row {
            bug: cage.bug.clone(),
            caught_by: outcome.to_string(),
            story,
            seconds,
            green: green.unwrap_or_else(|why| format!("RED: {why}")),
            well,
        };
        let sign = if well { "caught" } else { "NOT" };
        self.shown.line(&format!(
            "{sign:8} {:28} {:5.1} s  {}: {}; green: {}",
            row.bug, row.seconds, row.story, row.caught_by, row.green
        ));
        row
    }

    async fn shown_by(&self, cage: &Cage, story: &str, seed: u64) -> Outcome {
        let run = self.run(story, &cage.house(), Some(&cage.bug), seed).await;
        let judged = run.and_then(|summary| {
            let hits = hits(&summary.folder, &cage.bug)?;
            let outcome = Outcome::of(&summary, hits, cage);
            if outcome.is_caught() {
                remove(&summary);
            } else {
                self.shown.line(&format!(
                    "         {} in {story}: {} ({hits} hits): {}; {}",
                    cage.bug,
                    summary.verdict,
                    summary.reason,
                    summary.folder.display()
                ));
            }
            Ok(outcome)
        });
        judged.unwrap_or_else(|error| Outcome::Broken(Causes(&error).to_string()))
    }

    /// What stays green: the neighbour with the mistake, or the healthy outbox in the same story.
    async fn green(
        &self,
        cage: &Cage,
        story: &str,
        seed: u64,
        sick: &[(Healthy, String)],
    ) -> Result<String, String> {
        let same = |healthy: &&(Healthy, String)| {
            healthy.0.story == story && healthy.0.house == cage.house()
        };
        if let Some((_, why)) = sick.iter().find(same) {
            return Err(format!("healthy: {why}"));
        }
        let Some(neighbour) = &cage.neighbour else {
            return Ok("healthy".to_owned());
        };
        let run = self
            .run(neighbour, &cage.house(), Some(&cage.bug), seed)
            .await;
        let summary = run.map_err(|error| Causes(&error).to_string())?;
        match self.not_green(&summary) {
            None => Ok(format!("healthy, {neighbour}")),
            Some(why) => Err(format!("{neighbour}: {why}")),
        }
    }

    fn not_green(&self, summary: &RunSummary) -> Option<String> {
        if summary.verdict == Verdict::Pass {
            remove(summary);
            return None;
        }
        let red = red_of(summary).join(", ");
        let why = match red.is_empty() {
            true => format!("{}: {}", summary.verdict, summary.reason),
            false => red,
        };
        self.shown.line(&format!(
            "         {}: {}; {}",
            summary.name,
            summary.reason,
            summary.folder.display()
        ));
        Some(why)
    }

    async fn run(
        &self,
        story: &str,
        house: &House,
        bug: Option<&str>,
        seed: u64,
    ) -> Result<RunSummary> {
        let trial = self.zoo.trial(story, house, bug, seed)?;
        let began = Instant::now();
        let name = format!("{} {story}", bug.unwrap_or("healthy"));
        let summary = self.run_of(&trial, &name).await;
        let seconds = began.elapsed().as_secs_f64();
        if bug.is_none() {
            self.shown.line(&format!(
                "{:8} {:42} {seconds:5.1} s  healthy",
                summary.verdict.to_string(),
                story
            ));
        }
        Ok(summary)
    }

    /// Runs a trial under a name that is told.
    pub(super) async fn run_of(&self, trial: &Trial, name: &str) -> RunSummary {
        let told = Told {
            name: name.to_owned(),
            shown: self.shown.clone(),
        };
        let summary = suite::one(&self.lab, trial, &self.manner, &told).await;
        self.shown.ended(name);
        summary
    }
}

/// Nothing is kept of what is as it must be.
pub(super) fn remove(summary: &RunSummary) {
    if let Err(error) = std::fs::remove_dir_all(&summary.folder) {
        let folder = summary.folder.display();
        tell(format_args!("lab: {folder} cannot be removed: {error}"));
    }
}

/// Tells what a run does, and leaves its verdict to who asked.
struct Told {
    name: String,
    shown: Arc<Progress>,
}

impl Observer for Told {
    fn stage(&self, _: &str, stage: &str) {
        self.shown.stage(&self.name, stage);
    }
}
