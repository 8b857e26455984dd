//! One run: arranged, driven, broken, watched, settled, looked at for the last time. [`trial`] is the page to begin with.

pub mod about;
pub mod arrange;
mod canary;
pub mod client;
mod desk;
mod disturb;
mod gauge;
mod heal;
pub mod heard;
mod injector;
pub mod ledger;
mod look;
mod meters;
mod observer;
pub mod own_servers;
mod reach;
pub mod rows;
mod settle;
mod stage;
mod topology;
pub mod trial;
pub mod warm_up;
mod watch;
mod witness;
pub mod workload;
pub mod write;
