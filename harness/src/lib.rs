//! The lab: real servers, one fault at a time, one history, pure checkers.

pub mod check;
pub mod facts;
pub mod history;
pub mod report;
pub mod scenario;
pub mod verdict;
