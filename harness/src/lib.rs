//! The lab: real servers, one fault at a time, one history, pure checkers.
//!
//! Its rooms, each using only those below it (`tests/rooms/` checks that):
//!
//! ```text
//! cli       the command line
//! report    terminal, a page for the browser, JSON, JUnit
//! explore   many runs: suites of stories, stories that are drawn
//! run       one run: arranged, driven, broken, watched, looked at
//! judge     pure checkers of a history, facts, verdict
//! history   everything that happened in a run: checkers see nothing else, so a stored run can be judged again
//! system    the processes under test, every connection over an edge
//! servers   real Postgres and RabbitMQ: child processes, containers, somebody else's
//! wire      an edge: a tap that counts in front of a Toxiproxy that breaks
//! ask       what is asked for: target, scenario, fault, workload
//! os        processes, ports, and the guard that lets nothing outlive the lab
//! ```

pub mod ask;
pub mod cli;
pub mod explore;
pub mod history;
pub mod judge;
pub mod os;
pub mod report;
pub mod run;
pub mod servers;
pub mod system;
pub mod wire;
