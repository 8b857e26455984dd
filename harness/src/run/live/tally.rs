//! What is known of a run by what was recorded so far.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

use super::picture::{Broken, Followed, Phase, Picture};
use crate::{
    ask::{fault, scenario},
    history::{Commit, Entry, Event, FaultPhase, Operation, Outcome, Purpose},
};

/// So much of an operation's way is kept.
const MOST_STEPS: usize = 60;
/// So much of what was said is kept.
const MOST_SAID: usize = 6;

/// Counts, entry by entry.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// What was counted, but for what is counted elsewhere.
    pub picture: Picture,
    /// What the faults mean.
    pub faults: Vec<fault::Fault>,
    said: VecDeque<String>,
    followed: Option<Follow>,
    workload: HashSet<u64>,
}

#[derive(Debug)]
struct Follow {
    seen: Followed,
    ops: Vec<u64>,
}

impl Tally {
    /// A run begins.
    pub fn begin(&mut self, name: &str, story: &str) {
        let run = self.picture.run + 1;
        let verdicts = std::mem::take(&mut self.picture.verdicts);
        *self = Self {
            picture: Picture {
                run,
                verdicts,
                name: name.to_owned(),
                story: story.to_owned(),
                ..Picture::default()
            },
            ..Self::default()
        };
    }

    /// A fault that is to come, behind those that are known.
    pub fn knows(&mut self, asked: &scenario::Fault, fault: fault::Fault) {
        self.picture.faults.push(Broken {
            number: self.faults.len(),
            on: asked.on().to_owned(),
            what: asked.action.clone(),
            phase: Phase::Due,
            from_ms: None,
            until_ms: None,
            bites: std::collections::BTreeMap::new(),
            caught_up_ms: None,
            failed: None,
        });
        self.faults.push(fault);
    }

    /// Follows this operation from now on.
    pub fn follow(&mut self, id: Uuid) {
        self.followed = Some(Follow {
            seen: Followed {
                id,
                asked_ms: self.picture.at_ms,
                steps: Vec::new(),
            },
            ops: Vec::new(),
        });
    }

    /// What was recorded.
    pub fn hear(&mut self, entry: &Entry) {
        let at_ms = entry.at_us / 1_000;
        self.picture.at_ms = at_ms;
        match &entry.event {
            Event::Invoked { op, purpose, .. } if *purpose == Purpose::Workload => {
                self.picture.counts.asked += 1;
                self.workload.insert(*op);
            }
            Event::Completed { op, outcome } if self.workload.remove(op) => {
                let counts = &mut self.picture.counts;
                let counted = match outcome {
                    Outcome::Accepted { .. } => &mut counts.accepted,
                    Outcome::Refused { .. } => &mut counts.refused,
                    Outcome::Unknown { .. } | Outcome::Nonsense { .. } => &mut counts.unknown,
                };
                *counted += 1;
            }
            Event::Fault {
                fault,
                phase,
                detail,
            } => self.moved(*fault, *phase, detail, at_ms),
            Event::Bite { fault, what, count } => {
                if let Some(broken) = self.picture.faults.get_mut(*fault) {
                    *broken.bites.entry(what.clone()).or_default() += count;
                }
            }
            Event::CaughtUp { fault, after_ms } => {
                if let Some(broken) = self.picture.faults.get_mut(*fault) {
                    broken.caught_up_ms = Some(*after_ms);
                }
            }
            Event::Died { process, status } => self.say(format!("{process} died: {status}")),
            Event::Panicked { process, said } => self.say(format!("{process} panicked: {said}")),
            Event::Owed { what } => self.say(what.clone()),
            Event::LabError { message } => self.say(format!("the lab failed: {message}")),
            Event::NotRecovered { last_seen, .. } => {
                self.say(format!("did not recover: {last_seen}"));
            }
            _ => {}
        }
        self.step(at_ms, &entry.event);
    }

    /// What is seen now, but for what only the system itself can tell.
    pub fn picture(&self) -> Picture {
        Picture {
            said: self.said.iter().cloned().collect(),
            followed: self.followed.as_ref().map(|follow| follow.seen.clone()),
            ..self.picture.clone()
        }
    }

    fn say(&mut self, what: String) {
        self.said.push_back(what);
        if self.said.len() > MOST_SAID {
            self.said.pop_front();
        }
    }

    fn moved(&mut self, fault: usize, phase: FaultPhase, detail: &str, at_ms: u64) {
        let Some(broken) = self.picture.faults.get_mut(fault) else {
            return;
        };
        match phase {
            FaultPhase::Asked => {
                broken.phase = Phase::Asked;
                broken.from_ms = Some(at_ms);
            }
            FaultPhase::Applied => {
                broken.phase = Phase::Applied;
                broken.from_ms.get_or_insert(at_ms);
            }
            FaultPhase::Healed => {
                broken.phase = Phase::Healed;
                broken.until_ms = Some(at_ms);
            }
            FaultPhase::Failed => {
                broken.phase = Phase::Failed;
                broken.until_ms = Some(at_ms);
                broken.failed = Some(detail.to_owned());
            }
        }
    }

    fn step(&mut self, at_ms: u64, event: &Event) {
        let Some(follow) = &mut self.followed else {
            return;
        };
        let id = follow.seen.id;
        let told = match event {
            Event::Invoked { op, asked, via, .. } if asked.id == id => {
                follow.ops.push(*op);
                format!("asked {via}")
            }
            Event::Completed { op, outcome } if follow.ops.contains(op) => answer(outcome),
            Event::Committed(commit) => match written(commit, id) {
                Some(what) => what,
                None => return,
            },
            Event::Passed {
                edge,
                what,
                ops,
                struck,
                ..
            } if ops.contains(&id) => {
                let struck = if *struck { ", struck by a fault" } else { "" };
                format!("{what} on {edge}{struck}")
            }
            Event::Delivered(delivery)
                if delivery.item.as_ref().is_ok_and(|item| item.id == id) =>
            {
                "heard by the witness".to_owned()
            }
            _ => return,
        };
        let steps = &mut follow.seen.steps;
        if steps.len() < MOST_STEPS && steps.last().is_none_or(|(_, last)| *last != told) {
            steps.push((at_ms, told));
        }
    }
}

fn answer(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { .. } => "answered: it is stored".to_owned(),
        Outcome::Refused { code, .. } => format!("answered: {code}"),
        Outcome::Unknown { reason, .. } => format!("no answer: {reason}"),
        Outcome::Nonsense { reason, .. } => format!("answered nonsense: {reason}"),
    }
}

/// What a transaction wrote of an operation.
fn written(commit: &Commit, id: Uuid) -> Option<String> {
    let named = id.to_string();
    let about = commit.changes.iter().filter(|change| {
        let is = |value: &Option<String>| value.as_deref() == Some(&named);
        change.ids.contains(&id) || change.row.values().any(is)
    });
    let told = about.map(|change| {
        let status = change.row.get("status").and_then(Option::as_deref);
        let what = match (change.op, status) {
            (Operation::Insert, _) => "new".to_owned(),
            (Operation::Update, Some(status)) => format!("now {status}"),
            (Operation::Update, None) => "changed".to_owned(),
            (Operation::Delete | Operation::Truncate, _) => "deleted".to_owned(),
        };
        format!("{} {what}", change.table)
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("committed: {}", told.join(", ")))
}

#[cfg(test)]
mod tests;
