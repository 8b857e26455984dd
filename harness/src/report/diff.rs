//! Two runs beside each other: in what they differ.

use std::collections::BTreeSet;

use super::{
    grid,
    repeats::{self, TIMES},
};
use crate::{
    explore::told,
    judge::{check, metrics::Took, summary::RunSummary, verdict::Verdict},
};

/// In what two runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    rows: Vec<[String; 3]>,
    /// By which checkers the second is worse than the first.
    pub worse: Vec<String>,
}

impl Diff {
    /// Of one run and another, which may be of any stories and targets.
    pub fn of(one: &RunSummary, other: &RunSummary) -> Self {
        let mut diff = Self {
            rows: Vec::new(),
            worse: Vec::new(),
        };
        diff.row("target", one.target.clone(), other.target.clone());
        diff.row("scenario", one.name.clone(), other.name.clone());
        diff.row("seed", one.seed.to_string(), other.seed.to_string());
        diff.row(
            "verdict",
            one.verdict.to_string(),
            other.verdict.to_string(),
        );
        diff.row("reason", one.reason.clone(), other.reason.clone());
        diff.asked(one, other);
        for checker in check::names() {
            let (before, after) = (said(one, checker), said(other, checker));
            if found(other, checker) > found(one, checker) {
                diff.worse.push(checker.to_owned());
            }
            diff.row(checker, before, after);
        }
        diff.row("bit", one.bites.join(", "), other.bites.join(", "));
        diff.measured(one, other);
        diff.alone("on", &one.environment, &other.environment);
        diff
    }

    /// For the terminal.
    pub fn told(&self, columns: Option<u16>) -> String {
        if self.rows.is_empty() {
            return "nothing differs".to_owned();
        }
        let table = grid::plain(["", "one", "other"], self.rows.clone(), columns);
        match self.worse.is_empty() {
            true => table,
            false => format!("{table}\n\nthe other is worse by {}", self.worse.join(", ")),
        }
    }

    /// Only where they differ.
    fn row(&mut self, what: &str, one: String, other: String) {
        if one != other {
            self.rows.push([what.to_owned(), one, other]);
        }
    }

    /// Lines that only one of them has.
    fn alone(&mut self, what: &str, one: &[String], other: &[String]) {
        let (had, has): (BTreeSet<_>, BTreeSet<_>) = (one.iter().collect(), other.iter().collect());
        let lines = |own: &BTreeSet<&String>, others: &BTreeSet<&String>| {
            let lines = own.difference(others).map(|line| line.as_str());
            lines.collect::<Vec<_>>().join("\n")
        };
        self.row(what, lines(&had, &has), lines(&has, &had));
    }

    fn asked(&mut self, one: &RunSummary, other: &RunSummary) {
        let faults = |run: &RunSummary| -> Vec<String> {
            let faults = run.scenario.iter().flat_map(|scenario| &scenario.faults);
            faults.map(told::fault).collect()
        };
        self.alone("faults", &faults(one), &faults(other));
        let writes = |run: &RunSummary| {
            let scenario = run.scenario.as_ref();
            scenario.map_or(String::new(), |scenario| scenario.workload.writes.clone())
        };
        self.row("writes", writes(one), writes(other));
    }

    fn measured(&mut self, one: &RunSummary, other: &RunSummary) {
        let recovered = |run: &RunSummary| {
            let late = run.recovery_at_least_ms.map(Took::MoreThanMs);
            let took = run.recovery_ms.map(Took::Ms).or(late);
            took.map_or("-".to_owned(), repeats::told)
        };
        self.row("recovery", recovered(one), recovered(other));
        for (name, measure) in TIMES {
            let of = |run: &RunSummary| measure(&run.metrics).map_or("-".to_owned(), repeats::told);
            let plain = name.trim_end_matches("_ms").replace('_', " ");
            self.row(&plain, of(one), of(other));
        }
        let reordered = |run: &RunSummary| {
            let order = run.metrics.order.as_ref();
            order.map_or("-".to_owned(), |order| {
                format!("{:.2} %", order.ratio() * 100.0)
            })
        };
        self.row("reordered", reordered(one), reordered(other));
    }
}

fn found(run: &RunSummary, checker: &str) -> Option<Verdict> {
    let mut findings = run.findings.iter();
    let found = findings.find(|finding| finding.checker == checker)?;
    Some(found.verdict)
}

/// Of one that passed no more than that: how much it looked at is never twice the same.
fn said(run: &RunSummary, checker: &str) -> String {
    let mut findings = run.findings.iter();
    if let Some(finding) = findings.find(|finding| finding.checker == checker) {
        return match finding.verdict {
            Verdict::Pass => "pass".to_owned(),
            verdict => format!("{verdict}: {}", finding.reason),
        };
    }
    match run.not_judged.iter().any(|not| not.checker == checker) {
        true => "not judged".to_owned(),
        false => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::judge::{check::all, proof::story::Story};

    fn summary(story: &Story) -> RunSummary {
        let history = story.history();
        let again = "lab run test/story".to_owned();
        RunSummary::new(&history, &all(&history), Path::new("runs/1"), again)
    }

    #[test]
    fn a_run_differs_in_nothing_from_itself() {
        let run = summary(&Story::clean());
        let diff = Diff::of(&run, &run);
        assert_eq!(diff.told(None), "nothing differs");
        assert!(diff.worse.is_empty());
    }

    #[test]
    fn a_run_that_lost_something_is_worse_and_the_one_that_did_not_is_better() {
        let mut lost = Story::clean();
        lost.lose_delivery(3);
        let (green, red) = (summary(&Story::clean()), summary(&lost));
        let diff = Diff::of(&green, &red);
        assert!(diff.worse.contains(&"loss".to_owned()), "{diff:?}");
        let told = diff.told(Some(200));
        assert!(
            told.contains("verdict") && told.contains("the other is worse by"),
            "{told}"
        );
        assert!(Diff::of(&red, &green).worse.is_empty());
    }

    #[test]
    fn what_only_one_of_them_was_asked_for_is_told() {
        let one = summary(&Story::clean());
        let mut other = one.clone();
        let scenario = other.scenario.as_mut().expect("a scenario");
        scenario.faults[0].action = "kill".to_owned();
        let told = Diff::of(&one, &other).told(Some(200));
        assert!(told.contains("faults") && told.contains(": kill"), "{told}");
    }
}
