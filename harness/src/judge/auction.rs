//! What only the auction service promises: its rules, its lists and feeds, its lanes; and how its rows and messages are read.

pub(crate) mod contract;
pub(super) mod domain;
pub(super) mod ownership;
pub(super) mod readers;
pub(super) mod replay;
