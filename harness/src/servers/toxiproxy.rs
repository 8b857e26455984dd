//! A Toxiproxy server: where its API is, and what it runs as.

use std::net::SocketAddr;

/// A running Toxiproxy.
pub struct Toxiproxy {
    /// Where its API is.
    pub api: SocketAddr,
    /// Which it is.
    pub about: String,
    /// What ends it when it is dropped.
    pub server: Box<dyn Send + Sync>,
}
