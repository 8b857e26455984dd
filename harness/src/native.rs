//! Real servers as child processes: found on the machine, or unpacked into the lab's cache; nothing is installed and no
//! service is started.

pub mod apt;
pub mod cache;
pub mod packages;
pub mod postgres;
pub mod rabbitmq;

pub use packages::Binaries;
pub use postgres::Postgres;
pub use rabbitmq::RabbitMq;

use std::{io, net::TcpListener};

/// A loopback port that nobody uses now. Somebody else may take it before its server does; the boot then fails with
/// its log, and another try finds another one.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
