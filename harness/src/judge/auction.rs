//! What only the auction service promises: its rules, its lists and feeds, its lanes; and how its rows and messages are read.

pub(super) mod availability;
pub(crate) mod bid;
pub(crate) mod contract;
pub(crate) mod counters;
pub(super) mod domain;
pub(super) mod facts;
pub(super) mod http_truth;
pub(crate) mod note;
pub(super) mod ownership;
pub(super) mod places;
pub(super) mod readers;
mod refusal;
mod relays;
pub(super) mod replay;
pub(crate) mod shown;
pub(crate) mod standing;
mod terms;
pub(crate) mod told;
