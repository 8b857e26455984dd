//! The ledger, read in the words of whoever is judged.

use super::auction::{replay::Replay, told};
use super::{commits::Told, rows};
use crate::history::{History, Last, Rules};
use crate::judge::basis::{Unjudgeable, subject};

/// Every commit of the run in neutral words; none where the run was only sampled.
pub(crate) fn told(history: &History) -> Result<Option<Vec<Told>>, Unjudgeable> {
    match subject(history)?.rules {
        Rules::Auction => told::all(history),
        Rules::None => rows::told(history),
    }
}

/// What the ledger lacks, by itself and beside the last snapshot.
pub(crate) fn holes(history: &History) -> Vec<String> {
    if history.subject().map(|subject| subject.rules) != Some(Rules::Auction) {
        return Vec::new();
    }
    match Replay::of(history) {
        Ok(None) => Vec::new(),
        Ok(Some(replay)) => {
            let quiet = history.recovered_after_ms().is_some();
            let beside = |last: Last<'_>| replay.tables.holes(last.tables, quiet);
            history.last().map(beside).unwrap_or_default()
        }
        Err(why) => vec![why.to_string()],
    }
}
