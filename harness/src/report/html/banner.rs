//! What a reader sees first: the verdict, one sentence, how to repeat it, and what it ran on.

use maud::{Markup, html};

use super::{Shown, mark};
use crate::{
    judge::verdict::Verdict,
    report::{Account, account::sentence},
};

pub(super) fn banner(accounts: &[Account], runs: &[Shown<'_>]) -> Markup {
    let verdict = Verdict::worst(accounts.iter().map(Account::verdict));
    let set_up = accounts.iter().all(|account| account.not_set_up.is_none());
    html! {
        h1 { (mark(verdict)) " Outbox lab" }
        p class="sentence" { (sentence(accounts)) }
        @if let Some(shown) = runs.first().filter(|shown| set_up && shown.run.verdict != Verdict::Pass) {
            p { "Again: " code { (shown.run.repeat_command) } }
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
