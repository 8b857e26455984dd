//! The lab: real servers, one fault at a time, one history, pure checkers.

pub mod history;
pub mod scenario;
