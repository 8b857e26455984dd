//! Who is red in a run.

use std::collections::BTreeSet;

use crate::judge::{summary::RunSummary, verdict::Verdict};

/// The checkers that found a counterexample, in the order in which they ran.
pub fn red_of(summary: &RunSummary) -> Vec<String> {
    let found = summary.findings.iter();
    let found = found.filter(|finding| finding.verdict == Verdict::Fail);
    let mut seen = BTreeSet::new();
    let names = found.map(|finding| finding.checker.clone());
    names.filter(|name| seen.insert(name.clone())).collect()
}
