//! The ledger, read in the words of whoever is judged.

use super::{commits::Told, own, rows};
use crate::history::{History, Rules};
use crate::judge::basis::{Unjudgeable, subject};

/// Every commit of the run in neutral words; none where the run was only sampled.
pub(crate) fn told(history: &History) -> Result<Option<Vec<Told>>, Unjudgeable> {
    match subject(history)?.rules {
        Rules::Own => own::told::all(history),
        Rules::None => rows::told(history),
    }
}

/// What the ledger lacks, by itself and beside the last snapshot.
pub(crate) fn holes(history: &History) -> Vec<String> {
    match history.subject().map(|subject| subject.rules) {
        Some(Rules::Own) => own::told::holes(history),
        _ => Vec::new(),
    }
}
