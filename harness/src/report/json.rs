//! The report as JSON.

use std::path::Path;

use serde::Serialize;

use super::{ReportError, write};
use crate::judge::summary::RunSummary;
use crate::judge::verdict::Verdict;

#[derive(Serialize)]
struct Report<'r> {
    verdict: Verdict,
    checkers: Vec<&'static str>,
    runs: &'r [RunSummary],
}

/// Writes all runs, with the verdict on the whole and the checkers that exist.
pub fn write_json(path: &Path, runs: &[RunSummary]) -> Result<(), ReportError> {
    let report = Report {
        verdict: Verdict::worst(runs.iter().map(|run| run.verdict)),
        checkers: crate::judge::check::names().collect(),
        runs,
    };
    write(path, &(serde_json::to_string_pretty(&report)? + "\n"))
}
