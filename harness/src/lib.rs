//! The lab: real servers, one fault at a time, one history, pure checkers.

pub mod guard;
pub mod history;
pub mod process;
pub mod scenario;
