//! What only the auction service promises: its rules, its lists and feeds, its lanes; and how its rows and messages are read.

mod availability;
pub(crate) mod bid;
pub(crate) mod contract;
pub(crate) mod counters;
mod domain;
pub(super) mod facts;
mod http_truth;
pub mod model;
pub(crate) mod note;
mod ownership;
mod places;
#[cfg(test)]
pub(crate) mod proof;
mod readers;
mod refusal;
mod relays;
pub(super) mod replay;
pub(crate) mod shown;
pub(crate) mod standing;
mod terms;
pub(crate) mod told;
mod trace;

use super::basis::Checker;

/// What is judged of nobody else.
pub(super) const CHECKERS: &[(&str, Checker)] = &[
    ("http_truth", http_truth::check),
    ("availability", availability::check),
    ("places", places::check),
    ("ownership", ownership::check),
    ("domain", domain::check),
    ("readers", readers::check),
    ("model", trace::check),
];
