//! What happened when: a run over its own time, in equal steps, for whoever draws it. Nothing is judged here.

mod answers;
mod bands;
mod delays;
mod deliveries;
mod stations;
mod strips;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::verdict::{Finding, Verdict};
use crate::history::{Event, History, Op, Step};

pub use answers::Answers;
pub use bands::Band;
pub use delays::Delays;
pub use deliveries::Deliveries;
pub use stations::Station;
pub use strips::Strip;

/// Equal steps of a run's time.
pub const STEPS: usize = 100;
/// Several times the period in which the backlog is sampled, in microseconds.
const SAMPLE_HOLDS_US: u64 = 1_000_000;
/// Of so many operations that findings name the way is kept.
const TRAILS: usize = 6;

/// A run over its time. What nobody saw is absent, which is not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// From the first entry of the history to the last, in microseconds.
    pub length_us: u64,
    /// One a fault, in the order of the scenario.
    pub bands: Vec<Band>,
    /// What clients were answered, a step each.
    pub answers: Vec<Answers>,
    /// From a request to its answer, by the step of the request.
    pub answered: Vec<Option<Delays>>,
    /// From the first request for what was accepted to its first delivery, by the step of the request.
    pub heard: Vec<Option<Delays>>,
    /// Rows that waited to be published, by the latest sample.
    pub backlog: Vec<Option<u64>>,
    /// What the witness received.
    pub deliveries: Vec<Deliveries>,
    /// Processes that ended unasked, or not as they were asked to: when that was seen, which, and how.
    pub deaths: Vec<(u64, String, String)>,
    /// First deliveries of the keys in which something came late.
    pub strips: Vec<Strip>,
    /// From what was asked for to what took effect.
    pub stations: Vec<Station>,
    /// The ways of the first operations that counterexamples name.
    pub trails: Vec<(Uuid, Vec<Step>)>,
}

impl Course {
    /// Of a history in which these things were found.
    pub fn of(history: &History, findings: &[Finding]) -> Self {
        let length_us = history.entries().last().map_or(0, |entry| entry.at_us);
        let (scale, own) = (Scale { length_us }, own(history));
        Self {
            length_us,
            bands: bands::of(history),
            answers: answers::of(history, scale),
            answered: delays::answered(history, scale),
            heard: delays::heard(history, scale),
            backlog: backlog(history, scale),
            deliveries: deliveries::of(history, scale, &own),
            deaths: deaths(history),
            strips: strips::of(history),
            stations: stations::of(history, &own),
            trails: trails(history, findings),
        }
    }
}

/// Tells the step in which something happened.
#[derive(Debug, Clone, Copy)]
struct Scale {
    length_us: u64,
}

impl Scale {
    fn step(self, at_us: u64) -> usize {
        let step = u128::from(at_us) * STEPS as u128 / u128::from(self.length_us.max(1));
        usize::try_from(step).map_or(STEPS - 1, |step| step.min(STEPS - 1))
    }
}

/// What only the lab itself has asked for, to see whether the system is there.
fn own(history: &History) -> HashSet<Uuid> {
    let (workload, own): (Vec<&Op>, Vec<&Op>) =
        history.ops().values().partition(|op| op.is_workload());
    let ids = |ops: Vec<&Op>| {
        ops.into_iter()
            .map(|op| op.asked.id)
            .collect::<HashSet<_>>()
    };
    &ids(own) - &ids(workload)
}

/// A sample holds until the next one, unless that was long in coming: then nobody knows.
fn backlog(history: &History, scale: Scale) -> Vec<Option<u64>> {
    let mut steps = vec![None; STEPS];
    let mut before: Option<(u64, u64)> = None;
    for entry in history.entries() {
        let Event::Backlog { rows, .. } = entry.event else {
            continue;
        };
        let here = scale.step(entry.at_us);
        if let Some((at_us, rows)) = before.filter(|(at, _)| entry.at_us - at <= SAMPLE_HOLDS_US) {
            for step in &mut steps[scale.step(at_us)..here] {
                *step = step.or(Some(rows));
            }
        }
        steps[here] = steps[here].max(Some(rows));
        before = Some((entry.at_us, rows));
    }
    steps
}

fn deaths(history: &History) -> Vec<(u64, String, String)> {
    let died = history
        .entries()
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Died { process, status } => Some((entry.at_us, process.clone(), status.clone())),
            _ => None,
        });
    died.collect()
}

/// Of the operations that counterexamples name, by their own id or by that of their row, in their order.
fn trails(history: &History, findings: &[Finding]) -> Vec<(Uuid, Vec<Step>)> {
    if findings
        .iter()
        .all(|finding| finding.verdict != Verdict::Fail)
    {
        return Vec::new();
    }
    let last = history.last();
    let rows = last.iter().flat_map(|last| &last.tables.outbox);
    let announced: HashMap<&str, Uuid> = rows
        .filter_map(|row| Some((row.row.as_str(), row.announces()?)))
        .collect();
    let red = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail);
    let mut seen = HashSet::new();
    let named = red
        .flat_map(Finding::named)
        .map(|id| {
            announced
                .get(id.to_string().as_str())
                .copied()
                .unwrap_or(id)
        })
        .filter(|id| seen.insert(*id));
    let trails = named.map(|id| (id, history.trail(id)));
    let shown = trails.filter(|(_, steps)| !steps.is_empty());
    shown.take(TRAILS).collect()
}

#[cfg(test)]
mod tests;
