//! What became of one target: every report is of one or more of these.

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
