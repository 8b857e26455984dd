//! The report as one file for a browser: no script, nothing that is fetched, the same bytes for the same runs.

mod banner;
mod bites;
mod chart;
mod grid;
mod ledger;
mod run;
mod table;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Account, ReportError, write};
use crate::judge::{summary::RunSummary, verdict::Verdict};

const STYLE: &str = include_str!("html/style.css");

/// Writes the page.
pub fn write_html(path: &Path, accounts: &[Account]) -> Result<(), ReportError> {
    write(path, &page(accounts))
}

/// The verdict, what it rests on, and each run over its time. The worst runs come first.
fn page(accounts: &[Account]) -> String {
    let mut runs: Vec<&RunSummary> = accounts.iter().flat_map(|account| &account.runs).collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.verdict));
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
                    @for account in accounts {
                        (grid::grid(account, &runs, several))
                    }
                    section {
                        h2 { "Runs" }
                        @for (number, run) in runs.iter().enumerate() {
                            (run::run(number, run, several))
                        }
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

/// Where a run stands on the page.
fn anchor(number: usize) -> String {
    format!("run-{}", number + 1)
}

#[cfg(test)]
mod tests;
