//! What is asked for: text in, values or a clear error out. Nothing here touches the machine.

pub mod auction;
pub mod catalogue;
pub mod fault;
pub mod id;
pub mod lasting;
pub mod moment;
pub mod pace;
pub mod party;
pub mod scenario;
pub mod seed;
pub(crate) mod spelling;
pub mod target;
pub mod toxic;
pub mod trial;
pub mod wire;
pub(crate) mod written;
pub mod zoo;
