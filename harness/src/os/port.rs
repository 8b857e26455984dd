//! Ports of loopback.

use std::{
    io,
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ports that the kernel hands out for outgoing connections, so that none of those can take a server's port
/// while it is down.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

static DRAWN: AtomicU16 = AtomicU16::new(0);

/// A loopback port that nobody listens on, and that this lab hands out once. Labs start at different places.
pub fn free_port() -> io::Result<u16> {
    let span = PORTS.end - PORTS.start;
    let start = (std::process::id() % 199) as u16 * 100;
    for _ in 0..span {
        let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (start + drawn % span) % span;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other(
        "every port on loopback from 12000 to 32000 is taken",
    ))
}
