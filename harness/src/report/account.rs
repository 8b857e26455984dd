//! What became of one target: every report is of one or more of these.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use crate::judge::{summary::RunSummary, verdict::Verdict};

/// What a target was put through, and what was left out and why.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Account {
    /// What the target is called.
    pub target: String,
    /// Its version, as its file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What its servers ran as; none where there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<&'static str>,
    /// Versions and durability settings of its servers.
    pub servers: Vec<String>,
    /// Why nothing was run at all, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_set_up: Option<String>,
    /// What no run of the whole suite has met that some must, or all of them prove less than they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmet: Option<String>,
    /// The stories that were not run. None of them counts as a pass.
    pub not_run: Vec<NotRun>,
    /// Every run that was judged.
    #[serde(skip)]
    pub runs: Vec<RunSummary>,
}

/// A story that a target was not put through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotRun {
    /// Such as `recovery/broker_back`.
    pub name: String,
    /// What the target or the backend lacks, as the end of "not run, because …".
    pub why: String,
}

impl Account {
    /// One a target, of runs that were kept.
    pub fn of_stored(runs: Vec<RunSummary>) -> Vec<Self> {
        let mut by: BTreeMap<String, Self> = BTreeMap::new();
        for run in runs {
            let account = by.entry(run.target.clone()).or_insert_with(|| Self {
                target: run.target.clone(),
                ..Self::default()
            });
            let new = run.environment.iter();
            let new = new.filter(|server| !account.servers.contains(server));
            let new: Vec<String> = new.cloned().collect();
            account.servers.extend(new);
            account.runs.push(run);
        }
        by.into_values().collect()
    }

    /// The worst of its runs. That nothing could be run is an error; that they met too little, vacuous at best.
    pub fn verdict(&self) -> Verdict {
        let runs = Verdict::worst(self.runs.iter().map(|run| run.verdict));
        match (&self.not_set_up, &self.unmet) {
            (Some(_), _) => Verdict::Error,
            (None, Some(_)) => runs.max(Verdict::Vacuous),
            (None, None) => runs,
        }
    }

    /// The same for a table's head.
    pub(super) fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.target),
            None => self.target.clone(),
        }
    }
}

/// What became of all of them, in a sentence.
pub(super) fn sentence(accounts: &[Account]) -> String {
    let broken = accounts.iter().find_map(|account| {
        let why = account.not_set_up.as_ref()?;
        Some(format!("{} could not be set up: {why}", account.target))
    });
    if let Some(broken) = broken {
        return broken;
    }
    let runs = || {
        let of = |account| named_runs(account, accounts.len() > 1);
        accounts.iter().flat_map(of)
    };
    let green = runs().filter(|(_, run)| run.verdict == Verdict::Pass);
    let mut said = format!("{} of {} runs passed", green.count(), runs().count());
    let not_run: usize = accounts.iter().map(|account| account.not_run.len()).sum();
    if not_run > 0 {
        said.push_str(&format!("; {not_run} stories were not run"));
    }
    // Of the worst the first.
    let worst = runs().min_by_key(|(_, run)| Reverse(run.verdict));
    let unmet = accounts.iter().find_map(|account| account.unmet.as_ref());
    match (worst.filter(|(_, run)| run.verdict != Verdict::Pass), unmet) {
        (Some((name, run)), _) => format!("{said}. {name}: {}", run.reason),
        (None, Some(unmet)) => format!("{said}, and {unmet}."),
        (None, None) => format!("{said}."),
    }
}

/// Each with its name, and with its target's where there are several.
pub(super) fn named_runs(
    account: &Account,
    several: bool,
) -> impl Iterator<Item = (String, &RunSummary)> {
    let target = several.then(|| format!("{}: ", account.target));
    let target = target.unwrap_or_default();
    let runs = account.runs.iter();
    runs.map(move |run| (format!("{target}{}", run.name), run))
}
