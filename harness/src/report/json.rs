//! The report as JSON.

use std::path::Path;

use serde::Serialize;

use super::{Account, Repeats, ReportError, write};
use crate::judge::summary::RunSummary;
use crate::judge::verdict::Verdict;

#[derive(Serialize)]
struct Report<'r> {
    verdict: Verdict,
    checkers: Vec<&'static str>,
    targets: &'r [Account],
    runs: Vec<&'r RunSummary>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repeats: Vec<Repeated<'r>>,
}

/// What a target's runs of one story have shown together.
#[derive(Serialize)]
struct Repeated<'r> {
    target: &'r str,
    #[serde(flatten)]
    repeats: Repeats,
}

/// Writes each target with what was not run of it, and all runs, with the verdict on the whole and the checkers that exist.
pub fn write_json(path: &Path, accounts: &[Account]) -> Result<(), ReportError> {
    let report = Report {
        verdict: Verdict::worst(accounts.iter().map(Account::verdict)),
        checkers: crate::judge::check::names().collect(),
        targets: accounts,
        runs: accounts.iter().flat_map(|account| &account.runs).collect(),
        repeats: accounts.iter().flat_map(repeated).collect(),
    };
    write(path, &(serde_json::to_string_pretty(&report)? + "\n"))
}

fn repeated(account: &Account) -> impl Iterator<Item = Repeated<'_>> {
    let target = account.target.as_str();
    let repeats = Repeats::of(&account.runs).into_iter();
    repeats.map(move |repeats| Repeated { target, repeats })
}
