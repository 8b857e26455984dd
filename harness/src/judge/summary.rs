//! One judged run, as every report shows it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ask::scenario::Scenario;
use crate::ask::trial::Trial;
use crate::judge::course::Course;
use crate::judge::judgement::Judgement;
use crate::judge::metrics::Metrics;
use crate::judge::verdict::{Finding, NotJudged, Verdict};
use crate::{
    history::{self, FaultLife, History, ReadError},
    judge::check,
};

/// Judges a stored run.
pub fn judge(folder: &Path, repeat_command: String) -> Result<RunSummary, ReadError> {
    let kept = folder.join("history.jsonl");
    if !kept.exists() {
        return Err(ReadError::NoRun(folder.to_owned()));
    }
    let history = history::read(&kept)?;
    let judgement = check::all(&history);
    Ok(RunSummary::new(
        &history,
        &judgement,
        folder,
        repeat_command,
    ))
}

/// What a reader wants to know of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Who was judged.
    #[serde(default)]
    pub target: String,
    /// The scenario, such as `recovery/broker_back`.
    pub name: String,
    /// The worst of the findings.
    pub verdict: Verdict,
    /// One sentence.
    pub reason: String,
    /// What bit, such as `connections_cut 4` and `deliveries_again 12`.
    pub bites: Vec<String>,
    /// Milliseconds from the last heal to quiet; `None` when that was not reached (see `recovery_at_least_ms`).
    pub recovery_ms: Option<u64>,
    /// The time waited in vain: recovery would have taken more than this.
    pub recovery_at_least_ms: Option<u64>,
    /// Milliseconds from the first entry of the history to the last.
    pub duration_ms: u64,
    /// Seeds the workload.
    pub seed: u64,
    /// Where the run's files are.
    pub folder: PathBuf,
    /// Runs the same again.
    pub repeat_command: String,
    /// What it ran on: versions, images, durability settings.
    pub environment: Vec<String>,
    /// What was run; `None` where the history does not say.
    pub scenario: Option<Scenario>,
    /// Everything that was found, the passes too.
    pub findings: Vec<Finding>,
    /// The checkers that could not judge this run, and why.
    #[serde(default)]
    pub not_judged: Vec<NotJudged>,
    /// What it shows in numbers.
    #[serde(default)]
    pub metrics: Metrics,
    /// What happened when, for who draws it.
    #[serde(skip)]
    pub course: Course,
}

impl RunSummary {
    /// Sums a run up. A history that does not name its scenario goes by its folder.
    pub fn new(
        history: &History,
        judgement: &Judgement,
        folder: &Path,
        repeat_command: String,
    ) -> Self {
        let (name, seed) = match history.name_and_seed() {
            Some((name, seed)) => (name.to_owned(), seed),
            None => (folder.display().to_string(), 0),
        };
        let recovery_ms = history.recovered_after_ms();
        let waited = judgement
            .facts
            .iter()
            .find(|(name, _)| *name == "recovery_ms");
        let entries = history.entries();
        let last_us = entries.last().map_or(0, |entry| entry.at_us);
        let subject = history.subject();
        Self {
            target: subject.map_or_else(String::new, |subject| subject.name.clone()),
            name,
            verdict: judgement.verdict,
            reason: reason(history, judgement),
            bites: bites(history, judgement),
            recovery_ms,
            recovery_at_least_ms: waited.map(|(_, ms)| ms).filter(|_| recovery_ms.is_none()),
            duration_ms: last_us / 1_000,
            seed,
            folder: folder.to_owned(),
            repeat_command,
            environment: history.environment().to_vec(),
            scenario: history.scenario().cloned(),
            findings: judgement.findings.clone(),
            not_judged: judgement.not_judged.clone(),
            metrics: judgement.metrics.clone(),
            // A picture that cannot be drawn changes no verdict.
            course: check::guarded("course", || Course::of(history, &judgement.findings))
                .unwrap_or_default(),
        }
    }

    /// A run of which nothing can be judged, and why.
    pub fn broken(trial: &Trial, environment: Vec<String>, folder: &Path, why: String) -> Self {
        Self {
            target: trial.target.name.clone(),
            name: trial.name.clone(),
            verdict: Verdict::Error,
            scenario: None,
            findings: vec![Finding::error("lab", &*why)],
            reason: why,
            bites: Vec::new(),
            recovery_ms: None,
            recovery_at_least_ms: None,
            duration_ms: 0,
            seed: trial.seed,
            folder: folder.to_owned(),
            repeat_command: trial.repeat_command.clone(),
            environment,
            not_judged: Vec::new(),
            metrics: Metrics::default(),
            course: Course::default(),
        }
    }

    /// Recovery time for people: `1.2 s`, `>= 15.0 s` when it was not reached, `-` when it was not measured.
    pub fn recovery(&self) -> String {
        match (self.recovery_ms, self.recovery_at_least_ms) {
            (Some(ms), _) => seconds(ms),
            (None, Some(waited)) => format!(">= {}", seconds(waited)),
            (None, None) => "-".to_owned(),
        }
    }
}

/// The verdict in one sentence. Where a run shows nothing, what was to be broken and could not be comes first.
fn reason(history: &History, judgement: &Judgement) -> String {
    let said = judgement.reason();
    if !matches!(judgement.verdict, Verdict::Vacuous | Verdict::Error) {
        return said;
    }
    let mut failed = history.faults().iter().filter_map(|(index, life)| {
        let why = life.failed.as_ref()?;
        Some(format!("fault {} never came to be: {why}", index + 1))
    });
    match failed.next() {
        Some(never) if said.ends_with(&never) => never,
        Some(never) => format!("{never}; {said}"),
        None => said,
    }
}

/// Milliseconds for people.
pub(crate) fn seconds(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

/// The fact that says whether the load bent to the system.
const HELD_BACK: &str = "requests_held_back";

/// First what the faults did, then the facts that the scenario wants to see bite, and what of the load was held back.
fn bites(history: &History, judgement: &Judgement) -> Vec<String> {
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for (what, count) in history.faults().values().flat_map(FaultLife::counted) {
        *counted.entry(what).or_default() += count;
    }
    let wanted = history
        .scenario()
        .into_iter()
        .flat_map(|scenario| scenario.bites.keys());
    let facts: BTreeMap<&str, u64> = judgement.facts.iter().collect();
    let wanted = wanted.filter_map(|name| Some((name.as_str(), *facts.get(name.as_str())?)));
    let held_back = facts.get(HELD_BACK).map(|count| (HELD_BACK, *count));
    let all = counted
        .iter()
        .map(|(what, count)| (*what, *count))
        .chain(wanted)
        .chain(held_back);
    all.filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{what} {count}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        ask::target::Target,
        history::{Event, FaultPhase, Recorder},
        judge::{check::all, proof::story::Story},
    };

    fn summary(story: &Story) -> RunSummary {
        let history = story.history();
        RunSummary::new(
            &history,
            &all(&history),
            Path::new("runs/1"),
            "lab run test/story".to_owned(),
        )
    }

    #[test]
    fn a_run_is_summed_up() {
        let mut story = Story::clean();
        story.bites("accepted", ">= 1");
        let summary = summary(&story);
        assert_eq!((summary.name.as_str(), summary.seed), ("test/story", 7));
        assert_eq!(summary.bites, ["connections_cut 4", "accepted 3"]);
        assert_eq!(
            (summary.verdict, summary.recovery().as_str()),
            (Verdict::Pass, "120 ms")
        );
        assert_eq!(
            summary.reason,
            format!("all {} checkers pass", crate::judge::check::names().count())
        );
    }

    #[test]
    fn why_nothing_was_broken_comes_before_all_else() {
        let never = "fault 1 never came to be: never saw 20 events held; last seen 3";
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Fault { .. } | Event::Bite { .. }));
        story.push_before_end(Event::Fault {
            fault: 0,
            phase: FaultPhase::Failed,
            detail: "never saw 20 events held; last seen 3".to_owned(),
        });
        story.bites("deliveries_again", ">= 1");
        assert_eq!(summary(&story).reason, never);
        story.push_before_end(Event::LabError {
            message: "the broker is gone".to_owned(),
        });
        let broken = summary(&story);
        assert_eq!(broken.verdict, Verdict::Error);
        assert!(
            broken.reason.starts_with(&format!("{never}; ")),
            "{}",
            broken.reason
        );
    }

    #[test]
    fn a_recovery_that_never_came_is_at_least_the_time_waited() {
        let mut story = Story::clean();
        story.not_recovered();
        let summary = summary(&story);
        assert_eq!(
            (summary.recovery_ms, summary.recovery().as_str()),
            (None, ">= 15.0 s")
        );
        assert_eq!(
            summary.reason,
            "recovery: not recovered after >= 15000 ms: 1 row pending"
        );
    }

    #[test]
    fn a_history_that_was_kept_is_judged_again_and_again_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&folder.path().join("history.jsonl")).unwrap();
        let mut story = Story::clean();
        // What is recorded here has the times of here, and not those of the story's database.
        story.clock_elsewhere();
        let told = story.history();
        // `finish` adds the last one, `Ended`.
        let events = told.events().take(told.entries().len() - 1);
        events.for_each(|event| recorder.record(event.clone()));
        recorder.finish().unwrap();
        let judged = || judge(folder.path(), "lab check".to_owned()).unwrap();
        assert_eq!(judged().verdict, Verdict::Pass);
        assert_eq!(judged(), judged());
    }

    #[test]
    fn a_whole_run_survives_the_file() {
        let mut story = Story::clean();
        story.bites("deliveries_again", ">= 1");
        story.deliver_again(2);
        story.last_delivery().item = Err("truncated".to_owned());
        let told = story.history();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path).expect("a recorder");
        // `finish` adds the last one, `Ended`.
        let events: Vec<&Event> = told.events().collect();
        for event in &events[..events.len() - 1] {
            recorder.record((*event).clone());
        }
        recorder.finish().expect("everything written");
        let read = history::read(&path).expect("a history");
        assert_eq!(read.events().collect::<Vec<_>>(), events);
    }

    #[test]
    fn a_run_has_its_length_and_only_what_bit_is_shown() {
        let mut story = Story::clean();
        story.time_passes_before(3, 5_000_000);
        let told = summary(&story);
        let entries = story.history().entries().len() as u64;
        assert_eq!(told.duration_ms, 5_000 + entries - 1);
        assert_eq!(told.recovery_at_least_ms, None);
        // Of what bit before or after the fault nothing is shown, and what bit once is.
        let bite = |what: &str, count| Event::Bite {
            fault: 0,
            what: what.to_owned(),
            count,
        };
        story.push_before_end(bite("messages_swallowed", 9));
        let at = story
            .events
            .iter()
            .position(|event| matches!(event, Event::Bite { .. }));
        story.events[at.expect("a bite")] = bite("connections_cut", 1);
        assert_eq!(summary(&story).bites, ["connections_cut 1"]);
    }

    #[test]
    fn a_history_that_says_nothing_goes_by_its_folder() {
        let history = History::default();
        let told = RunSummary::new(&history, &all(&history), Path::new("runs/1"), String::new());
        assert_eq!(
            (told.name.as_str(), told.seed, told.duration_ms),
            ("runs/1", 0, 0)
        );
    }

    #[test]
    fn of_several_faults_that_never_came_to_be_the_first_is_named() {
        let mut story = Story::clean();
        story.another_fault("client -> api");
        for fault in [0, 1] {
            let (phase, detail) = (FaultPhase::Failed, format!("reason {}", fault + 1));
            story.push_before_end(Event::Fault {
                fault,
                phase,
                detail,
            });
        }
        let said = summary(&story).reason;
        assert!(
            said.starts_with("fault 1 never came to be: reason 1"),
            "{said}"
        );
    }

    #[test]
    fn a_run_that_cannot_be_judged_has_no_length_and_says_why() {
        let text = "story = 'told'\n[workload]\nkeys = 1\nwrites = '3 at once'";
        let trial = Trial {
            name: "test/story".to_owned(),
            target: Arc::new(Target::ours()),
            as_shipped: false,
            left_out: Vec::new(),
            scenario: toml::from_str(text).expect("a scenario"),
            seed: 7,
            repeat_command: "lab run test/story".to_owned(),
        };
        let why = "no broker".to_owned();
        let told = RunSummary::broken(&trial, Vec::new(), Path::new("runs/1"), why);
        assert_eq!((told.verdict, told.duration_ms), (Verdict::Error, 0));
        assert_eq!(told.findings[0].reason, "no broker");
    }
}
