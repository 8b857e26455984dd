//! The lab: real servers, one fault at a time, one history, pure checkers.
//!
//! ```text
//! scenario ──▶ trial ─┬─ lab, backend    real Postgres and RabbitMQ, a database and a vhost for each trial
//!  (TOML)             ├─ system          the service's processes, every connection over a tap and a Toxiproxy
//!                     ├─ workload, client  bids from proptest strategies, over HTTP
//!                     ├─ fault, injector   what breaks, when, and the evidence that it bit
//!                     ├─ witness, observer what was published, what the tables say: around all faults
//!                     └─ ledger            every commit, from the database's own log
//!                            │
//!                            ▼
//!                        history ──▶ check, facts ──▶ verdict ──▶ report
//! ```
//!
//! Everything that happens goes into one history; checkers are pure functions of it, so a stored run can be judged again.

pub mod backend;
mod bar;
pub mod causes;
pub mod check;
pub mod cli;
pub mod client;
mod contract;
pub mod docker;
pub mod doctor;
pub mod edge;
pub mod environment;
pub mod evidence;
pub mod facts;
pub mod fault;
mod forward;
pub mod guard;
pub mod history;
mod injector;
pub mod lab;
mod ledger;
pub mod native;
mod observer;
pub mod process;
pub mod property;
pub mod report;
pub mod scenario;
pub mod seed;
pub mod server;
pub mod shared_lab;
mod spelling;
pub mod suite;
pub mod system;
pub mod tap;
pub mod toxiproxy;
pub mod trial;
pub mod verdict;
mod witness;
pub mod workload;
