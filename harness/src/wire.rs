//! Every connection of the system under test: a tap that counts, and a Toxiproxy that breaks.

pub mod edge;
mod forward;
pub mod tap;
pub mod toxiproxy;
