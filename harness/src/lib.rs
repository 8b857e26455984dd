//! The lab: real servers, one fault at a time, one history, pure checkers.

pub mod check;
pub mod client;
pub mod edge;
pub mod facts;
pub mod fault;
mod forward;
pub mod history;
mod injector;
mod observer;
pub mod report;
pub mod scenario;
mod system;
pub mod tap;
pub mod toxiproxy;
pub mod verdict;
mod witness;
pub mod workload;
