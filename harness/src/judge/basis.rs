//! What checkers judge by, and what keeps them from it.

use crate::ask::fault::BadFault;
use crate::ask::scenario::Scenario;
use crate::history::{History, Last, LedgerState, Subject};
use crate::judge::verdict::Finding;

/// Owns one promise.
pub(crate) type Checker = fn(&History) -> Result<Finding, Unjudgeable>;

/// Why a checker cannot judge a history. The verdict `Error`, except where the server shows no commits: then the checker
/// is among those that did not judge.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unjudgeable {
    #[error("the history does not say which scenario was run")]
    NoScenario,
    #[error("the history has no last snapshot")]
    NoLastSnapshot,
    #[error("the ledger cannot be judged by: {0}")]
    Ledger(String),
    /// A reason that is no error: this run could not show it.
    #[error("sampled: {0}")]
    Sampled(String),
    /// Not judged, and not failed: nothing was seen that could be judged by.
    #[error("{0}")]
    NotShown(&'static str),
    #[error("a note that nobody understands: {0}")]
    Note(String),
    #[error("{0}")]
    Fact(String),
    #[error(transparent)]
    Fault(BadFault),
    #[error("{text:?} is not a duration: {source}")]
    Duration {
        text: String,
        source: humantime::DurationError,
    },
}

/// Says of a finding that it rests on snapshots alone, where that is so.
pub(crate) fn sampled_or_exact(mut finding: Finding, history: &History) -> Finding {
    if let LedgerState::Sampled(_) = history.ledger() {
        finding.reason.push_str(" (sampled)");
    }
    finding
}

pub(crate) fn scenario(history: &History) -> Result<&Scenario, Unjudgeable> {
    history.scenario().ok_or(Unjudgeable::NoScenario)
}

pub(crate) fn subject(history: &History) -> Result<&Subject, Unjudgeable> {
    history.subject().ok_or(Unjudgeable::NoScenario)
}

/// That something can be seen, or what the target file lacks for it.
pub(crate) fn shown(shown: bool, without: &'static str) -> Result<(), Unjudgeable> {
    match shown {
        true => Ok(()),
        false => Err(Unjudgeable::NotShown(without)),
    }
}

pub(crate) fn last(history: &History) -> Result<Last<'_>, Unjudgeable> {
    history.last().ok_or(Unjudgeable::NoLastSnapshot)
}

/// Whether the scenario speaks of a fact. What is a defect when it comes as a surprise (an event given up, a dead
/// letter) is the story itself in a scenario that names it.
pub(crate) fn names(scenario: &Scenario, fact: &str) -> bool {
    scenario.bites.contains_key(fact) || scenario.expect.facts.contains_key(fact)
}
