//! What a reader sees first: the verdict, one sentence, how to repeat it, and what it ran on.

use maud::{Markup, html};

use super::mark;
use crate::{
    judge::{summary::RunSummary, verdict::Verdict},
    report::{Account, account::sentence},
};

pub(super) fn banner(accounts: &[Account], runs: &[&RunSummary]) -> Markup {
    let verdict = Verdict::worst(accounts.iter().map(Account::verdict));
    html! {
        h1 { (mark(verdict)) " Outbox lab" }
        p class="sentence" { (sentence(accounts)) }
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
