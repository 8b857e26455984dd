//! Every toxic against real sockets, the client that reads back what it sets, and the tap.
//!
//! Runs against the embedded server. With `LAB_TOXIPROXY_ADDR=host:port` the tests that hold for Toxiproxy 2.12 itself
//! run against that one instead; it must be able to reach this machine's loopback.

mod api;
mod changes;
mod delays;
mod echo;
mod ends;
mod habits;
mod honesty;
mod overlaps;
mod stand;
mod tap;
