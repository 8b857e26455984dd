//! The report as one file for a browser: no script, nothing that is fetched, the same bytes for the same runs.

mod banner;
mod bites;
mod campaign;
mod chart;
mod grid;
mod lives;
mod repeats;
mod run;
mod stations;
mod table;

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    path::Path,
};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Account, ReportError, write};
use crate::judge::{summary::RunSummary, verdict::Verdict};

pub(super) const STYLE: &str = include_str!("html/style.css");

/// Writes the page.
pub fn write_html(path: &Path, accounts: &[Account]) -> Result<(), ReportError> {
    write(path, &page(accounts))
}

/// A run, and where it stands on the page.
struct Shown<'r> {
    run: &'r RunSummary,
    /// Whose it is, by its place among the targets.
    target: usize,
    /// From 1, as they follow each other.
    number: usize,
    /// There are others of the same story.
    repeated: bool,
    /// Over its time, too: every red one, and of the green ones the first of each story.
    drawn: bool,
}

impl Shown<'_> {
    fn anchor(&self) -> String {
        format!("run-{}", self.number)
    }
}

/// The worst come first.
fn shown(accounts: &[Account]) -> Vec<Shown<'_>> {
    let mut runs: Vec<(usize, &RunSummary)> = Vec::new();
    for (target, account) in accounts.iter().enumerate() {
        runs.extend(account.runs.iter().map(|run| (target, run)));
    }
    runs.sort_by_key(|(_, run)| Reverse(run.verdict));
    let mut times: HashMap<(usize, &str), usize> = HashMap::new();
    for (target, run) in &runs {
        *times.entry((*target, &run.name)).or_default() += 1;
    }
    let mut drawn = HashSet::new();
    let runs = runs.into_iter().zip(1..).map(|((target, run), number)| {
        let story = (target, run.name.as_str());
        Shown {
            run,
            target,
            number,
            repeated: times[&story] > 1,
            drawn: run.verdict != Verdict::Pass || drawn.insert(story),
        }
    });
    runs.collect()
}

/// The verdict, what it rests on, and each run over its time.
fn page(accounts: &[Account]) -> String {
    let runs = shown(accounts);
    let several = accounts.len() > 1;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Outbox lab: " (Verdict::worst(accounts.iter().map(Account::verdict))) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (chart::patterns())
                header { (banner::banner(accounts, &runs)) }
                main {
                    @for (target, account) in accounts.iter().enumerate() {
                        @let own: Vec<&Shown<'_>> = runs.iter().filter(|shown| shown.target == target).collect();
                        (grid::grid(account, &own, several))
                        (campaign::campaign(&own))
                        (repeats::repeats(&account.runs))
                    }
                    section {
                        h2 { "Runs" }
                        @for shown in &runs { (run::run(shown, several)) }
                    }
                }
                footer { p { "Times are by the lab's own clock, from the beginning of each run." } }
            }
        }
    };
    page.into_string()
}

/// Nobody needs colours to tell one verdict from another.
fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Vacuous => "∅",
        Verdict::Unknown => "?",
        Verdict::Fail => "✗",
        Verdict::Error => "!",
    }
}

/// A verdict as a sign and a word.
fn mark(verdict: Verdict) -> Markup {
    html! { span class={ "verdict " (verdict) } { span aria-hidden="true" { (sign(verdict)) } " " (verdict) } }
}

#[cfg(test)]
mod tests;
