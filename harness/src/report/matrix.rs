//! The verdict per story and target, as a table in Markdown. Equal results make equal tables: nothing in it was measured by
//! a clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Account, ReportError, write};
use crate::judge::{check, summary::RunSummary, verdict::Verdict};

/// Writes the table.
pub fn write_matrix(path: &Path, accounts: &[Account]) -> Result<(), ReportError> {
    write(path, &matrix(accounts))
}

/// A row for each story, a column for each target; below it why something was not run, and what each target is and ran on.
pub fn matrix(accounts: &[Account]) -> String {
    let mut notes = Notes::default();
    let stories: BTreeSet<&str> = accounts.iter().flat_map(stories).collect();
    let heads = accounts.iter().map(Account::title);
    let mut text = line(["Story".to_owned()].into_iter().chain(heads));
    text.push_str(&line(std::iter::repeat_n(
        "---".to_owned(),
        accounts.len() + 1,
    )));
    for story in stories {
        let cells: Vec<String> = accounts
            .iter()
            .map(|account| cell(story, account, &mut notes))
            .collect();
        text.push_str(&line([format!("`{story}`")].into_iter().chain(cells)));
    }
    text.push_str(&notes.text());
    text.push('\n');
    text.push_str(&about(accounts));
    text
}

fn stories(account: &Account) -> impl Iterator<Item = &str> {
    let runs = account.runs.iter().map(|run| run.name.as_str());
    runs.chain(account.not_run.iter().map(|not| not.name.as_str()))
}

fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells
        .into_iter()
        .map(|cell| plain(&cell).replace('|', "\\|"))
        .collect();
    format!("| {} |\n", cells.join(" | "))
}

/// One line in which nothing is taken for markup of HTML.
pub(super) fn plain(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn cell(story: &str, account: &Account, notes: &mut Notes) -> String {
    let runs: Vec<&RunSummary> = account
        .runs
        .iter()
        .filter(|run| run.name == story)
        .collect();
    match runs.is_empty() {
        true => format!("– ({})", notes.number(why_not(story, account))),
        false => judged(&runs),
    }
}

fn why_not(story: &str, account: &Account) -> String {
    let not_run = account.not_run.iter().find(|not| not.name == story);
    let why = not_run.map_or("it was not asked for", |not| &not.why);
    format!("not run, because {why}")
}

/// Each verdict that is not a pass, the worst first; of several runs, how many of them had it.
fn judged(runs: &[&RunSummary]) -> String {
    let mut by: BTreeMap<Verdict, Vec<&RunSummary>> = BTreeMap::new();
    for run in runs {
        by.entry(run.verdict).or_default().push(run);
    }
    let all = runs.len();
    let red = by
        .iter()
        .rev()
        .filter(|(verdict, _)| **verdict != Verdict::Pass);
    let red = red.map(|(verdict, of)| {
        let times = match all {
            1 => String::new(),
            _ => format!(" {} of {all}", of.len()),
        };
        format!("{verdict}{times}{}", checkers(*verdict, of))
    });
    let red: Vec<String> = red.collect();
    match red.is_empty() {
        true => Verdict::Pass.to_string(),
        false => red.join("; "),
    }
}

/// Which checkers found a counterexample, in the order in which they run.
fn checkers(verdict: Verdict, runs: &[&RunSummary]) -> String {
    if verdict != Verdict::Fail {
        return String::new();
    }
    let findings = runs.iter().flat_map(|run| &run.findings);
    let found: BTreeSet<&str> = findings
        .filter(|finding| finding.verdict == verdict)
        .map(|finding| finding.checker.as_str())
        .collect();
    let names: Vec<&str> = check::names().filter(|name| found.contains(name)).collect();
    format!(" ({})", names.join(", "))
}

/// What each target is and what it ran on, a line for those that ran on the same.
fn about(accounts: &[Account]) -> String {
    let mut on: Vec<(String, Vec<String>)> = Vec::new();
    for account in accounts {
        let backend = account.backend.map(|backend| format!("backend {backend}"));
        let servers = backend.into_iter().chain(account.servers.iter().cloned());
        let servers = servers.collect::<Vec<_>>().join(", ");
        match on.iter_mut().find(|(known, _)| *known == servers) {
            Some((_, titles)) => titles.push(account.title()),
            None => on.push((servers, vec![account.title()])),
        }
    }
    let lines = on.into_iter().map(|(servers, titles)| {
        let servers = match servers.is_empty() {
            true => "nothing was started".to_owned(),
            false => servers,
        };
        format!("- {}: {}\n", plain(&titles.join(", ")), plain(&servers))
    });
    lines.collect()
}

/// Reasons, numbered as they come.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn number(&mut self, why: String) -> usize {
        let known = self.0.iter().position(|known| *known == why);
        1 + known.unwrap_or_else(|| {
            self.0.push(why);
            self.0.len() - 1
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (at, why) in self.0.iter().enumerate() {
            let why = plain(why);
            let gap = if at == 0 { "\n" } else { "" };
            text.push_str(&format!("{gap}{}. {why}\n", at + 1));
        }
        text
    }
}

#[cfg(test)]
mod tests;
