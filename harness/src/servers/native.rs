//! Real servers as child processes: found on the machine, or unpacked into the lab's cache; nothing is installed and no
//! service is started.

pub mod apt;
pub mod cache;
mod command;
pub(in crate::servers) mod disk;
pub mod found;
pub mod libraries;
pub mod packages;
pub mod postgres;
pub mod rabbitmq;
pub mod surroundings;
pub mod user;
pub mod zones;

pub use packages::Binaries;
pub use postgres::Postgres;
pub use rabbitmq::RabbitMq;
