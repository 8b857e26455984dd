//! How the lab deals with the auction service: what bidders ask for and readers are shown, and what its tables say.

mod answer;
pub mod bidders;
mod bindings;
pub mod canary;
pub(super) mod desk;
pub mod follower;
pub(super) mod harm;
mod letters;
pub mod lots;
pub(super) mod meters;
mod pages;
mod refusal;
pub mod rest;
pub mod service;
pub mod shares;
mod shown;
mod spoil;
pub mod tables;
pub(super) mod topology;
mod usurper;
pub(super) mod watched;
mod witness;
pub mod workload;
