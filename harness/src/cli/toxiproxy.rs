//! `lab toxiproxy`.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::toxiproxy::ToxiproxyServer;

/// The flags of the genuine server.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where its API listens.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Its API's port.
    #[arg(long, default_value_t = 8474)]
    port: u16,
}

pub(super) async fn toxiproxy(args: &Args) -> Result<u8> {
    // Registered first: as the first process of a container it would ignore what it does not handle.
    let mut asked = signal(SignalKind::terminate())?;
    let server = ToxiproxyServer::start(SocketAddr::new(args.host, args.port)).await?;
    eprintln!("Toxiproxy's API listens on http://{}", server.address());
    tokio::select! {
        _ = asked.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(0)
}
