//! What the lab takes from the machine: processes, ports, programs, and the guard that lets nothing outlive it.

pub mod causes;
pub mod descriptors;
pub mod environment;
pub mod guard;
pub mod path;
pub mod port;
pub mod process;
pub mod socket;
pub mod table;
pub(crate) mod terminal;
