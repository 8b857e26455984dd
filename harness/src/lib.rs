//! The lab: real servers, one fault at a time, one history, pure checkers.

pub mod edge;
mod forward;
pub mod history;
pub mod scenario;
pub mod tap;
pub mod toxiproxy;
