//! What a reader sees first: the verdict, one sentence, how to repeat it, and what it ran on.

use maud::{Markup, html};

use super::mark;
use crate::{
    judge::{summary::RunSummary, verdict::Verdict},
    report::Account,
};

pub(super) fn banner(accounts: &[Account], runs: &[&RunSummary]) -> Markup {
    let verdict = Verdict::worst(accounts.iter().map(Account::verdict));
    html! {
        h1 { (mark(verdict)) " Outbox lab" }
        p class="sentence" { (sentence(accounts, runs)) }
        @if let Some(run) = runs.first().filter(|run| run.verdict != Verdict::Pass) {
            p { "Again: " code { (run.repeat_command) } }
        }
        @for account in accounts {
            p class="on" {
                strong { (account.title()) }
                @if let Some(backend) = account.backend { ", backend " (backend) }
                @for server in &account.servers { " · " (server) }
            }
        }
    }
}

fn sentence(accounts: &[Account], runs: &[&RunSummary]) -> String {
    let broken = accounts.iter().find_map(|account| {
        let why = account.not_set_up.as_ref()?;
        Some(format!("{} could not be set up: {why}", account.target))
    });
    let passed = runs
        .iter()
        .filter(|run| run.verdict == Verdict::Pass)
        .count();
    let all = runs.len();
    let unmet = accounts.iter().find_map(|account| account.unmet.clone());
    let worst = runs.first().filter(|run| run.verdict != Verdict::Pass);
    match (broken, worst, unmet) {
        (Some(broken), ..) => broken,
        (None, Some(run), _) => {
            format!(
                "{passed} of {all} runs passed. {}: {}",
                run.name, run.reason
            )
        }
        (None, None, Some(unmet)) => format!("{passed} of {all} runs passed, and {unmet}."),
        (None, None, None) => format!("All {all} runs passed."),
    }
}
