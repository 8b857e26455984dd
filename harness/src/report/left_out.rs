//! What a pass says nothing about, a sentence for each reason.

use std::collections::BTreeMap;

use super::NotRun;
use crate::judge::summary::RunSummary;

/// Why stories were not run.
pub(super) fn not_run(not_run: &[NotRun]) -> Vec<String> {
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for not in not_run {
        of.entry(&not.why).or_default().push(&not.name);
    }
    let said = of.into_iter();
    let said = said.map(|(why, names)| format!("not run, because {why}: {}", names.join(", ")));
    said.collect()
}

/// What no run of some could show.
pub(super) fn not_judged(runs: &[RunSummary]) -> Vec<String> {
    let mut of: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for not in runs.iter().flat_map(|run| &run.not_judged) {
        *of.entry((&not.checker, &not.why)).or_default() += 1;
    }
    let (of, all) = (of.into_iter(), runs.len());
    let said = of.map(|((checker, why), times)| {
        format!("not judged in {times} of {all} runs: {checker}; {why}")
    });
    said.collect()
}
