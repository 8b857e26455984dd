//! Stories by checkers, each cell with how much was looked at.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{Shown, mark, sign, table::by_checkers};
use crate::{
    judge::{check, summary::RunSummary, verdict::Verdict},
    report::{
        Account,
        left_out::{not_judged, not_run},
    },
};

/// Of one target.
pub(super) fn grid(account: &Account, runs: &[&Shown<'_>], several: bool) -> Markup {
    let ran: BTreeSet<&str> = runs
        .iter()
        .flat_map(|shown| {
            let found = shown.run.findings.iter();
            let found = found.map(|finding| finding.checker.as_str());
            found.chain(shown.run.not_judged.iter().map(|not| not.checker.as_str()))
        })
        .collect();
    let checkers: Vec<&str> = check::names().filter(|name| ran.contains(name)).collect();
    html! {
        section {
            h2 { "What was judged" @if several { ": " (account.title()) } }
            (by_checkers(["story", "verdict"], &checkers, &html! {
                @for shown in runs {
                    tr {
                        th scope="row" {
                            a href={ "#" (shown.anchor()) } { (shown.run.name) }
                            @if shown.repeated { ", seed " (shown.run.seed) }
                        }
                        td { (mark(shown.run.verdict)) }
                        @for checker in &checkers { (cell(shown.run, checker)) }
                    }
                }
            }))
            (left_out(account))
        }
    }
}

/// How much was looked at where it passed, else the verdict's sign. What was said is with the run.
fn cell(run: &RunSummary, checker: &str) -> Markup {
    if let Some(finding) = run
        .findings
        .iter()
        .find(|finding| finding.checker == checker)
    {
        return html! {
            td class={ "cell " (finding.verdict) } {
                @match (finding.verdict, finding.looked_at) {
                    (Verdict::Pass, Some(looked_at)) => (short(looked_at)),
                    (verdict, _) => (sign(verdict)),
                }
            }
        };
    }
    html! { td class="cell none" { "–" } }
}

/// As much of a number as fits a cell.
fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// What a green grid does not say.
fn left_out(account: &Account) -> Markup {
    let (judged, run) = (not_judged(&account.runs), not_run(&account.not_run));
    html! {
        p class="note" {
            "A number is how much the checker looked at, and it passed; ✓ where it looks at the run as a whole. ✗ failed, ∅ nothing bit, ? too little was seen, ! the lab broke, – not judged."
        }
        @if !judged.is_empty() || !run.is_empty() {
            details {
                summary { "Not judged, and not run" }
                ul { @for said in judged.iter().chain(&run) { li { (said) } } }
            }
        }
    }
}
