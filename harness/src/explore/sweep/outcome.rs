//! What one run shows of each of its cases.

use std::collections::BTreeMap;

use crate::{
    history::FaultLife,
    judge::{
        summary::RunSummary,
        verdict::{Finding, Verdict},
    },
};

/// What became of a case in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its message was struck.
    Struck,
    /// Its message did not come.
    Missed,
    /// The run was over before its turn.
    NotBegun,
}

/// What a run shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Of each case.
    pub fates: Vec<Fate>,
    /// What is wrong, if something is. That some case's message never came is not.
    pub red: Option<String>,
    /// The lab broke.
    pub broken: bool,
}

/// What a run shows of the cases whose faults these are.
pub(super) fn shown(
    summary: &RunSummary,
    lives: &BTreeMap<usize, FaultLife>,
    faults: &[usize],
) -> Shown {
    let worst = summary
        .findings
        .iter()
        .filter(|finding| finding.verdict > Verdict::Pass && !is_only_missed(finding))
        .max_by_key(|finding| finding.verdict);
    Shown {
        fates: faults.iter().map(|fault| fate(lives.get(fault))).collect(),
        red: worst.map(said),
        broken: worst.is_some_and(|finding| finding.verdict == Verdict::Error),
    }
}

fn fate(life: Option<&FaultLife>) -> Fate {
    match life {
        None => Fate::NotBegun,
        Some(life) if life.asked.is_none() => Fate::NotBegun,
        Some(life) if life.bit() => Fate::Struck,
        Some(_) => Fate::Missed,
    }
}

/// A fault that met nothing is its case's own affair. That no operation was taken is not.
fn is_only_missed(finding: &Finding) -> bool {
    let taken = finding.counts.get("accepted requests");
    finding.checker == "bite"
        && finding.verdict == Verdict::Vacuous
        && taken.is_some_and(|taken| *taken > 0)
}

fn said(finding: &Finding) -> String {
    let example = finding
        .examples
        .first()
        .filter(|example| **example != finding.reason);
    let example = example.map_or(String::new(), |example| format!(", e.g. {example}"));
    format!(
        "{}: {}: {}{example}",
        finding.verdict, finding.checker, finding.reason
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::judge::{check, proof::story::Story};

    fn of(story: &Story) -> Shown {
        let history = story.history();
        let judged = check::all(&history);
        let summary = RunSummary::new(&history, &judged, Path::new("runs/1"), String::new());
        shown(&summary, history.faults(), &[0, 7])
    }

    #[test]
    fn a_case_whose_message_never_came_is_missed_and_makes_nothing_red() {
        let struck = of(&Story::clean());
        assert_eq!(
            (struck.fates, struck.red),
            (vec![Fate::Struck, Fate::NotBegun], None)
        );
        let mut missed = Story::clean();
        missed.drop_events(|event| matches!(event, crate::history::Event::Bite { .. }));
        let missed = of(&missed);
        assert_eq!((missed.fates[0], missed.red), (Fate::Missed, None));
    }

    #[test]
    fn what_else_is_wrong_is_red_and_says_why() {
        let mut story = Story::clean();
        story.not_recovered();
        let red = of(&story);
        let said = red.red.expect("red");
        assert!(said.starts_with("fail: recovery: "), "{said}");
        assert!(!red.broken && red.fates[0] == Fate::Struck);
    }
}
