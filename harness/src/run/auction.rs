//! How the lab deals with the auction service: what bidders ask for and readers are shown, and what its tables say.

mod answer;
pub mod bidders;
pub mod canary;
pub mod follower;
pub mod lots;
mod pages;
pub mod rest;
pub mod service;
mod shown;
pub mod tables;
pub mod workload;
