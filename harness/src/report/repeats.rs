//! Several runs of one story together: the mean of what each has measured, and how sure that is.

mod sample;

use std::collections::BTreeMap;

use serde::Serialize;

use super::grid;
use crate::judge::{
    metrics::{Metrics, Recovery, Took},
    summary::{RunSummary, seconds},
};
use sample::Sample;

/// What the runs of one story have shown together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repeats {
    /// The story.
    pub name: String,
    /// How many there were.
    pub runs: usize,
    /// What was measured, in milliseconds, arrivals, or parts of one.
    pub metrics: BTreeMap<&'static str, Sample>,
}

/// What is measured of one run; none where it could not be.
pub(super) type Measure = fn(&Metrics) -> Option<Took>;

/// Times in milliseconds.
pub(super) const TIMES: [(&str, Measure); 5] = [
    ("detection_ms", |run| recovery(run)?.detection),
    ("longest_gap_ms", |run| Some(recovery(run)?.longest_gap)),
    ("downtime_ms", |run| Some(recovery(run)?.downtime)),
    ("first_success_ms", |run| recovery(run)?.first_success),
    ("drain_ms", |run| recovery(run)?.drain),
];

/// A time, or that it was longer.
pub(super) fn told(took: Took) -> String {
    match took {
        Took::Ms(ms) => seconds(ms),
        Took::MoreThanMs(ms) => format!("> {}", seconds(ms)),
    }
}

fn recovery(run: &Metrics) -> Option<&Recovery> {
    run.recovery.as_ref()
}

impl Repeats {
    /// Of each story that was run more than once.
    pub fn of(runs: &[RunSummary]) -> Vec<Self> {
        let mut stories: BTreeMap<&str, Vec<&RunSummary>> = BTreeMap::new();
        for run in runs {
            stories.entry(&run.name).or_default().push(run);
        }
        let repeated = stories.into_iter().filter(|(_, runs)| runs.len() > 1);
        repeated
            .map(|(name, runs)| Self::one(name, &runs))
            .collect()
    }

    fn one(name: &str, runs: &[&RunSummary]) -> Self {
        let all = || runs.iter().map(|run| &run.metrics);
        let orders = || all().filter_map(|run| run.order.as_ref());
        let exact = |values: Vec<f64>| Sample::of(values.into_iter().map(|value| (value, false)));
        let counted = [
            (
                "reordered_ratio",
                exact(orders().map(|order| order.ratio()).collect()),
            ),
            (
                "extent",
                exact(orders().map(|order| order.extent as f64).collect()),
            ),
            (
                "n_reordering",
                exact(orders().map(|order| order.n_reordering as f64).collect()),
            ),
        ];
        let timed = TIMES.into_iter().map(|(name, measure)| {
            let known = all().filter_map(measure).map(|took| {
                let open = matches!(took, Took::MoreThanMs(_));
                (took.at_least_ms() as f64, open)
            });
            (name, Sample::of(known))
        });
        Self {
            name: name.to_owned(),
            runs: runs.len(),
            metrics: timed
                .chain(counted)
                .filter_map(|(name, sample)| Some((name, sample?)))
                .collect(),
        }
    }

    /// Under the heads.
    pub(super) fn cells(&self) -> [String; 10] {
        let time = |metric| self.cell(metric, 1_000.0, 2);
        [
            self.name.clone(),
            self.runs.to_string(),
            time("detection_ms"),
            time("longest_gap_ms"),
            time("downtime_ms"),
            time("first_success_ms"),
            time("drain_ms"),
            self.cell("reordered_ratio", 0.01, 2),
            self.cell("extent", 1.0, 1),
            self.cell("n_reordering", 1.0, 1),
        ]
    }

    fn cell(&self, metric: &str, unit: f64, decimals: usize) -> String {
        match self.metrics.get(metric) {
            None => "-".to_owned(),
            Some(sample) => sample.told(self.runs, unit, decimals),
        }
    }
}

/// What the table has of each story.
pub(super) const HEADS: [&str; 10] = [
    "scenario",
    "runs",
    "detected s",
    "longest gap s",
    "down s",
    "first success s",
    "drained s",
    "reordered %",
    "extent",
    "n",
];

/// What is to be read in it.
pub(super) const MEANING: &str = "Means of the runs of a story, with their 95 % confidence intervals (Student's t). `> 1.20 (2 open)`: in two runs what was waited for\n\
     had not come when the run ended, so the mean is at least this. `(3 of 5)`: the others had nothing of the kind. `-`: none had.";

/// A table with what they have in common; nothing where no story was run more than once.
pub(super) fn repeats(runs: &[RunSummary], columns: Option<u16>) -> Option<String> {
    let all = Repeats::of(runs);
    let rows = all.iter().map(Repeats::cells);
    let table = (!all.is_empty()).then(|| grid::plain(HEADS, rows, columns))?;
    Some(format!("{table}\n{MEANING}\n"))
}

#[cfg(test)]
mod tests;
