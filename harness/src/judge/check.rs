//! The judge: pure functions from a history to a verdict. No clock, no network, no files.
//!
//! Each checker owns one promise and has a file of its own; [`auction`](super::auction) has those of what only the auction
//! service promises. All of them run on every history; none can turn another's red into green.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    atomic,
    auction::{domain, ownership, readers},
    availability,
    basis::Unjudgeable,
    bite, dedup, durable, expect, http_truth, integrity, loss, marks, order, phantom, recovery,
    refusal, survival, whole,
};
use crate::history::History;
use crate::judge::facts::Facts;
use crate::judge::judgement::Judgement;
use crate::judge::verdict::{Finding, NotJudged};

pub(crate) type Checker = fn(&History) -> Result<Finding, Unjudgeable>;

const CHECKERS: [(&str, Checker); 19] = [
    // First, for an error of the lab's is the reason why `whole` then finds gaps.
    ("survival", survival::check),
    ("whole", whole::check),
    ("bite", bite::check),
    ("durable", durable::check),
    ("refusal", refusal::check),
    ("http_truth", http_truth::check),
    ("availability", availability::check),
    ("atomic", atomic::check),
    ("loss", loss::check),
    ("marks", marks::check),
    ("phantom", phantom::check),
    ("integrity", integrity::check),
    ("dedup", dedup::check),
    ("order", order::check),
    ("ownership", ownership::check),
    ("domain", domain::check),
    ("readers", readers::check),
    ("recovery", recovery::check),
    ("expect", expect::check),
];

/// Every checker, in the order in which they run.
pub const NAMES: [&str; CHECKERS.len()] = {
    let mut names = [""; CHECKERS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = CHECKERS[index].0;
        index += 1;
    }
    names
};

/// Runs every checker.
pub fn all(history: &History) -> Judgement {
    let mut findings = Vec::new();
    let mut not_judged = Vec::new();
    for (name, checker) in CHECKERS {
        match run(name, checker, history) {
            Ok(finding) => findings.push(finding),
            Err(why) => not_judged.push(NotJudged {
                checker: name.to_owned(),
                why,
            }),
        }
    }
    Judgement::of(findings, not_judged, Facts::of(history), &NAMES)
}

/// One checker, or why there is nothing that it could judge by. Whatever else keeps it from judging becomes an `Error`, a
/// panic too.
pub(crate) fn run(name: &str, checker: Checker, history: &History) -> Result<Finding, String> {
    Ok(match catch_unwind(AssertUnwindSafe(|| checker(history))) {
        Ok(Ok(finding)) => finding,
        Ok(Err(not_shown @ (Unjudgeable::Sampled(_) | Unjudgeable::NotRead))) => {
            return Err(not_shown.to_string());
        }
        Ok(Err(error)) => Finding::error(name, error.to_string()),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            Finding::error(
                name,
                format!("the checker panicked: {}", said.unwrap_or("no message")),
            )
        }
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
        assert_eq!(judgement.ran, NAMES);
    }

    #[test]
    fn a_history_of_the_first_format_is_judged_by_what_it_recorded() {
        let old = include_bytes!("../history/first_format.jsonl");
        let history = crate::history::parse(std::path::Path::new("old"), old).expect("a history");
        let judgement = all(&history);
        for checker in ["durable", "atomic", "phantom", "integrity", "domain"] {
            let finding = judgement.findings.iter().find(|f| f.checker == checker);
            assert_eq!(finding.expect("it ran").verdict, Verdict::Pass, "{checker}");
        }
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
