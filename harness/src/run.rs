//! One run: arranged, driven, broken, watched, settled, looked at for the last time. [`trial`] is the page to begin with.

pub mod arrange;
mod canary;
pub mod client;
mod desk;
mod disturb;
mod gauge;
mod heal;
mod injector;
mod ledger;
mod look;
mod meters;
mod observer;
pub mod own_servers;
mod reach;
mod settle;
mod stage;
mod topology;
pub mod trial;
mod watch;
mod witness;
pub mod workload;
