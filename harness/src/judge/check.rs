//! The judge: pure functions from a history to a verdict. No clock, no network, no files.
//!
//! Each checker owns one promise and has a file of its own; [`own`](super::own) leads to those of what only the lab's own
//! target promises. All of them run on every history; none can turn another's red into green.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    atomic,
    basis::{Checker, Unjudgeable},
    bite, dedup, durable, expect, identity, integrity, loss, marks, order, own, persistent,
    phantom, recovery, refusal, survival, whole,
};
use crate::history::{History, Rules};
use crate::judge::facts::Facts;
use crate::judge::judgement::Judgement;
use crate::judge::metrics::Metrics;
use crate::judge::verdict::{Finding, NotJudged};

/// Of every target. An error of the lab's is the reason why `whole` then finds gaps, so it comes first.
const COMMON: &[(&str, Checker)] = &[
    ("survival", survival::check),
    ("whole", whole::check),
    ("bite", bite::check),
    ("durable", durable::check),
    ("refusal", refusal::check),
    ("atomic", atomic::check),
    ("loss", loss::check),
    ("marks", marks::check),
    ("phantom", phantom::check),
    ("integrity", integrity::check),
    ("identity", identity::check),
    ("persistent", persistent::check),
    ("dedup", dedup::check),
    ("order", order::check),
    ("recovery", recovery::check),
    ("expect", expect::check),
];

/// The checkers of whoever this history is of.
fn checkers(history: &History) -> impl Iterator<Item = &'static (&'static str, Checker)> {
    let own = match history.subject().map(|subject| subject.rules) {
        Some(Rules::Own) => own::CHECKERS,
        _ => &[],
    };
    COMMON.iter().chain(own)
}

/// Every checker, in the order in which they run.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMON.iter().chain(own::CHECKERS).map(|(name, _)| *name)
}

/// Runs every checker.
pub fn all(history: &History) -> Judgement {
    let mut findings = Vec::new();
    let mut not_judged = Vec::new();
    for (name, checker) in checkers(history) {
        match run(name, *checker, history) {
            Ok(finding) => findings.push(finding),
            Err(why) => not_judged.push(NotJudged {
                checker: (*name).to_owned(),
                why,
            }),
        }
    }
    let expected: Vec<&str> = checkers(history).map(|(name, _)| *name).collect();
    let facts = guarded("facts", || Facts::of(history)).unwrap_or_else(|panicked| {
        findings.push(panicked);
        Arc::default()
    });
    let metrics = guarded("metrics", || Metrics::of(history)).unwrap_or_else(|panicked| {
        findings.push(panicked);
        Metrics::default()
    });
    Judgement {
        metrics,
        ..Judgement::of(findings, not_judged, facts.as_ref().clone(), &expected)
    }
}

/// One checker, or why there is nothing that it could judge by. Whatever else keeps it from judging becomes an `Error`, a
/// panic too.
pub(crate) fn run(name: &str, checker: Checker, history: &History) -> Result<Finding, String> {
    Ok(match guarded(name, || checker(history)) {
        Ok(Ok(finding)) => finding,
        Ok(Err(not_shown @ (Unjudgeable::Sampled(_) | Unjudgeable::NotShown(_)))) => {
            return Err(not_shown.to_string());
        }
        Ok(Err(error)) => Finding::error(name, error.to_string()),
        Err(panicked) => panicked,
    })
}

/// What is worked out, or that it panicked.
pub(super) fn guarded<T>(name: &str, work_out: impl FnOnce() -> T) -> Result<T, Finding> {
    catch_unwind(AssertUnwindSafe(work_out)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        let said = said.unwrap_or("no message");
        Finding::error(name, format!("the checker panicked: {said}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{proof::story::Story, verdict::Verdict};

    #[test]
    fn a_clean_run_passes_every_checker() {
        let judgement = all(&Story::clean().history());
        assert_eq!(judgement.red(), Vec::<&Finding>::new());
        assert_eq!(judgement.verdict, Verdict::Pass);
        assert!(judgement.ran.iter().eq(names()));
    }

    #[test]
    fn nothing_at_all_passes_nothing() {
        let judgement = all(&History::default());
        let passed = judgement
            .findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Pass);
        assert_eq!(
            passed.map(|finding| &finding.checker).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        assert_eq!(judgement.verdict, Verdict::Error);
    }

    #[test]
    fn a_commit_at_the_end_of_all_time_makes_nobody_panic() {
        let mut story = Story::clean();
        let (at, _) = story.written("outbox_events", &story.tables.outbox[1].row);
        story.commit_at(at).committed_at_us = i64::MAX;
        let judgement = all(&story.history());
        let said: String = judgement.red().iter().map(|f| f.reason.clone()).collect();
        assert!(!said.contains("panicked"), "{said}");
    }

    #[test]
    fn a_checker_that_panics_is_an_error() {
        let finding = run(
            "broken",
            |_| panic!("index out of bounds"),
            &History::default(),
        )
        .expect("a finding");
        assert_eq!(finding.verdict, Verdict::Error);
        assert_eq!(finding.reason, "the checker panicked: index out of bounds");
    }
}
