//! `lab toxiproxy`.

use std::{
    net::{IpAddr, SocketAddr},
    pin::pin,
};

use anyhow::Result;

use crate::{guard, toxiproxy::ToxiproxyServer};

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
    // As the first process of a container it would ignore a signal that it does not handle.
    let mut interrupted = pin!(guard::interrupted());
    let server = tokio::select! {
        biased;
        ended = &mut interrupted => return ended.map(|()| 0).map_err(Into::into),
        server = ToxiproxyServer::start(SocketAddr::new(args.host, args.port)) => server?,
    };
    eprintln!("Toxiproxy's API listens on http://{}", server.address());
    interrupted.await?;
    Ok(0)
}
