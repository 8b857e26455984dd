//! What a history means: pure functions from it to a verdict. [`check`] has the list of all checkers.

pub use auction::model;
#[cfg(test)]
pub(crate) use auction::proof;

mod atomic;
pub(crate) mod auction;
pub(crate) mod basis;
pub(crate) mod bite;
pub mod check;
pub mod claims;
pub(crate) mod commits;
pub mod course;
mod dedup;
mod durable;
pub(crate) mod excuse;
mod expect;
pub mod facts;
mod identity;
mod inquiry;
mod integrity;
pub mod judgement;
mod ledger;
mod loss;
mod marks;
pub mod metrics;
mod order;
pub(crate) mod own;
mod persistent;
mod phantom;
mod recovery;
mod refusal;
mod reorder;
mod rows;
mod struck;
pub mod summary;
pub(crate) mod survival;
pub mod verdict;
mod whole;
