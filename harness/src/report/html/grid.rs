//! Stories by checkers, each cell with how much was looked at.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{anchor, mark, sign};
use crate::{
    judge::{check, summary::RunSummary, verdict::Verdict},
    report::Account,
};

/// Of one target; `runs` are those of the page, in its order.
pub(super) fn grid(account: &Account, runs: &[&RunSummary], several: bool) -> Markup {
    let ran: BTreeSet<&str> = account
        .runs
        .iter()
        .flat_map(|run| {
            let found = run.findings.iter().map(|finding| finding.checker.as_str());
            found.chain(run.not_judged.iter().map(|not| not.checker.as_str()))
        })
        .collect();
    let checkers: Vec<&str> = check::names().filter(|name| ran.contains(name)).collect();
    html! {
        section {
            h2 { "What was judged" @if several { ": " (account.title()) } }
            div class="wide" tabindex="0" role="region" aria-label="stories by checkers" {
                table class="grid" {
                    thead {
                        tr {
                            th scope="col" { "story" }
                            th scope="col" { "verdict" }
                            @for checker in &checkers { th scope="col" class="up" { span { (checker) } } }
                        }
                    }
                    tbody {
                        @for run in &account.runs {
                            tr {
                                th scope="row" { (link(run, runs)) }
                                td { (mark(run.verdict)) }
                                @for checker in &checkers { (cell(run, checker)) }
                            }
                        }
                    }
                }
            }
            (left_out(account))
        }
    }
}

/// Its name, which leads to it.
fn link(run: &RunSummary, runs: &[&RunSummary]) -> Markup {
    let number = runs.iter().position(|other| std::ptr::eq(*other, run));
    html! {
        @match number {
            Some(number) => a href={ "#" (anchor(number)) } { (run.name) },
            None => (run.name),
        }
    }
}

/// How much was looked at where it passed, else the verdict's sign; the rest for who points at it or listens.
fn cell(run: &RunSummary, checker: &str) -> Markup {
    if let Some(finding) = run
        .findings
        .iter()
        .find(|finding| finding.checker == checker)
    {
        let counts: Vec<String> = finding
            .counts
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        let said = format!("{checker}: {}. {}", finding.reason, counts.join(", "));
        return html! {
            td class={ "cell " (finding.verdict) } title=(said) {
                @match (finding.verdict, finding.looked_at) {
                    (Verdict::Pass, Some(looked_at)) => (short(looked_at)),
                    (verdict, _) => (sign(verdict)),
                }
            }
        };
    }
    let not = run.not_judged.iter().find(|not| not.checker == checker);
    let why = not.map_or("not asked of this target", |not| &not.why);
    html! { td class="cell none" title={ (checker) ": not judged, " (why) } { "–" } }
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
    let mut not: Vec<(&str, &str)> = account
        .runs
        .iter()
        .flat_map(|run| &run.not_judged)
        .map(|not| (not.checker.as_str(), not.why.as_str()))
        .collect();
    not.sort_unstable();
    not.dedup();
    html! {
        p class="note" {
            "A number is how much the checker looked at, and it passed; ✓ where it looks at the run as a whole. ✗ failed, ∅ nothing bit, ? too little was seen, ! the lab broke, – not judged."
        }
        @if !not.is_empty() || !account.not_run.is_empty() {
            details {
                summary { "Not judged, and not run" }
                ul {
                    @for (checker, why) in not { li { (checker) ": not judged, because " (why) } }
                    @for not in &account.not_run { li { (not.name) ": not run, because " (not.why) } }
                }
            }
        }
    }
}
