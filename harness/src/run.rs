//! One run: arranged, driven, broken, watched, settled, looked at for the last time. [`trial`] is the page to begin with.

mod adapter;
pub mod arrange;
pub mod auction;
pub mod client;
mod desk;
mod disturb;
mod gauge;
mod heal;
mod injector;
mod ledger;
mod look;
mod meters;
pub mod own_servers;
mod plan;
mod reach;
mod settle;
mod site;
mod stage;
mod topology;
pub mod trial;
mod watch;
mod witness;
