//! From a run that is red to the least that is: a scenario with its plan, red by the same checkers, of which nothing more can be
//! left out.

mod course;
mod ddmin;
mod easing;
mod guesses;
mod reduced;
mod shrunk;
mod signature;
mod tries;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

pub use course::Oracle;
pub use ddmin::Ddmin;
pub use shrunk::Shrunk;
pub use signature::{Seen, Signature};

use course::Course;
use tries::Tries;

use crate::{
    ask::{
        scenario::{Condition, Scenario},
        trial::Trial,
    },
    explore::{
        suite::{self, Manner, Watcher},
        told,
    },
    history::Subject,
    judge::{
        summary::RunSummary,
        verdict::{Finding, Verdict},
    },
    run::script,
    servers::lab::Lab,
};

/// Facts that are allowed for where they are named.
const ALLOWING: [&str; 2] = ["events_failed", "dead_letters"];

/// Who compares facts with what a story expects.
const EXPECT: &str = "expect";

/// How runs are shrunk.
pub struct Shrinker {
    /// On what candidates run.
    pub lab: Arc<Lab>,
    /// Where they are kept, how many are side by side, what ends them.
    pub manner: Manner,
    /// After so long nothing new is tried, but for what tells how often the least is red.
    pub within: Duration,
    /// How often the least is run in the end.
    pub runs: usize,
}

/// What is shrunk.
pub struct Red {
    /// The trial that was red, with its plan.
    pub trial: Trial,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Red {
    /// A run that was kept, of a trial that is the same but for its plan, which stands in the run's folder.
    ///
    /// # Errors
    /// When there is no such run, or it is not red.
    pub fn of(summary: &RunSummary, trial: &Trial) -> Result<Self> {
        if summary.verdict != Verdict::Fail {
            bail!(
                "the run's verdict is {}: only what fails can be shrunk",
                summary.verdict
            );
        }
        let file = summary.folder.join(script::FILE);
        let case = suite::read(&file).with_context(|| {
            format!(
                "the run's folder has no {} with a plan beside it",
                script::FILE
            )
        })?;
        let trial = Trial {
            scenario: case,
            ..trial.clone()
        };
        let findings = summary.findings.clone();
        Ok(Self { trial, findings })
    }

    /// By whom it is red. That less happened than a story expects is no failure of what is left of it.
    fn signature(&self) -> Option<Signature> {
        let counts = |finding: &&Finding| finding.checker != EXPECT || !self.exceeded().is_empty();
        let red = self.red().filter(counts);
        Signature::of(red.map(|finding| finding.checker.clone()).collect())
    }

    /// The facts of which more was seen than is expected, which what is left can show as well.
    fn exceeded(&self) -> Vec<&str> {
        let missed = self.red().filter(|finding| finding.checker == EXPECT);
        let missed: Vec<&String> = missed.flat_map(|finding| &finding.examples).collect();
        let facts = self.trial.scenario.expect.facts.iter();
        let exceeded = facts.filter(|(fact, condition)| {
            let begins = format!("{fact} is ");
            condition.holds(0) && missed.iter().any(|example| example.starts_with(&begins))
        });
        exceeded.map(|(fact, _)| fact.as_str()).collect()
    }

    fn red(&self) -> impl Iterator<Item = &Finding> {
        let found = self.findings.iter();
        found.filter(|finding| finding.verdict == Verdict::Fail)
    }

    /// What is expected beside the promises is of interest where more was seen, and where to name it is to allow for it.
    fn story(&self) -> Scenario {
        let mut story = self.trial.scenario.clone();
        let exceeded = self.exceeded();
        let any = Condition::try_from(">= 0".to_owned()).ok();
        story.expect.facts.retain(|fact, condition| {
            let is_exceeded = exceeded.contains(&fact.as_str());
            if !is_exceeded {
                *condition = any.unwrap_or(*condition);
            }
            is_exceeded || ALLOWING.contains(&fact.as_str())
        });
        story.bites = reduced::bites(&story);
        story
    }
}

impl Shrinker {
    /// Makes a red run as small as it can in the time that there is.
    ///
    /// # Errors
    /// When no checker is red by which less can be, the story has no plan, or the lab broke so that nobody knows how often
    /// anything is red.
    pub async fn shrink(&self, red: &Red, watcher: Arc<dyn Watcher>) -> Result<Shrunk> {
        let began = Instant::now();
        let signature = red.signature();
        let signature = signature.context(
            "no checker is red but for less of something than the story expects, and of what is left there is less by itself",
        )?;
        let story = red.story();
        let before = size(&story).context("its operations are not planned one by one")?;
        let mut tries = Tries {
            lab: self.lab.clone(),
            template: Trial {
                name: format!("shrink-{}", red.trial.name.replace('/', "-")),
                left_out: Vec::new(),
                repeat_command: String::new(),
                ..red.trial.clone()
            },
            manner: Manner {
                keep: false,
                ..self.manner.clone()
            },
            watcher,
            signature,
            measuring: true,
            until: began + self.within,
            runs: 0,
            broken: Vec::new(),
            evidence: None,
        };
        let settings = red.trial.target.is_ours();
        let mut course = Course::from(story, settings, &mut tries);
        // The lab's own target has its budgets in its stories.
        let pace = red.trial.target.pace.recovers_within.get();
        course.pace = (!red.trial.target.is_ours()).then_some(pace);
        course.shows_order = Subject::of(&red.trial.target).promises.order;
        if !course.measure().await {
            let (original, scenario) = (course.original, course.best);
            let broken = tries.broken.len();
            let at_most = Seen {
                times: original.times + broken,
                of: original.of + broken,
            };
            if let Some(why) = tries.unsure().filter(|_| !at_most.is_flaky()) {
                bail!("nobody knows how often it is red: {why}");
            }
            return Ok(Shrunk {
                original,
                ..done(&tries, began, scenario, before)
            });
        }
        let named = guesses::named(red.red());
        course.shrink(&named).await;
        let least = course.outcome(self.runs).await;
        let Course {
            original,
            whole,
            added,
            best: mut scenario,
            ..
        } = course;
        if let Some(why) = tries.unsure().filter(|_| !least.is_known()) {
            bail!("nobody knows how often the least is red: {why}");
        }
        scenario.story = told::story(&scenario);
        Ok(Shrunk {
            original,
            least,
            whole,
            added,
            ..done(&tries, began, scenario, before)
        })
    }
}

/// What there is to tell of a story, but for how often it is red.
fn done(tries: &Tries, began: Instant, scenario: Scenario, before: [usize; 2]) -> Shrunk {
    let after = size(&scenario).unwrap_or(before);
    Shrunk {
        checkers: tries.signature.checkers().map(str::to_owned).collect(),
        original: Seen::default(),
        least: Seen::default(),
        faults: [before[0], after[0]],
        operations: [before[1], after[1]],
        runs: tries.runs,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        whole: false,
        added: false,
        interrupted: tries.manner.stop.is_cancelled(),
        evidence: tries.evidence.clone(),
        scenario,
    }
}

/// Faults and operations; none of a story without a plan.
fn size(scenario: &Scenario) -> Option<[usize; 2]> {
    let plan = scenario.plan.as_ref()?;
    Some([scenario.faults.len(), plan.operations.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ask::target::Target, judge::proof::story::Story};

    fn red(change: impl FnOnce(&mut Story)) -> Red {
        let mut story = Story::clean();
        change(&mut story);
        let history = story.history();
        let trial = Trial {
            name: "test/story".to_owned(),
            target: Arc::new(Target::ours()),
            as_shipped: false,
            scenario: history.scenario().cloned().expect("a scenario"),
            left_out: Vec::new(),
            seed: 7,
            repeat_command: String::new(),
        };
        let findings = crate::judge::check::all(&history).findings;
        Red { trial, findings }
    }

    #[test]
    fn what_is_expected_is_left_where_more_was_seen_and_nowhere_else() {
        let more = red(|story| {
            story.expect("deliveries", "< 2");
            story.expect("accepted", ">= 9");
            story.expect("dead_letters", "= 0");
        });
        assert!(more.signature().expect("red").has("expect"));
        let facts = more.story().expect.facts;
        let told: Vec<String> = facts
            .iter()
            .map(|(fact, condition)| format!("{fact} {condition}"))
            .collect();
        assert_eq!(told, ["dead_letters >= 0", "deliveries < 2"]);
    }

    #[test]
    fn that_less_happened_than_is_expected_is_nothing_to_shrink_by() {
        let less = red(|story| story.expect("accepted", ">= 9"));
        assert_eq!(less.signature(), None);
        let lost = red(|story| {
            story.expect("accepted", ">= 9");
            story.lose_delivery(3);
        });
        let signature = lost.signature().expect("red");
        assert!(signature.has("loss") && !signature.has("expect"));
    }
}
