//! A Toxiproxy server inside the lab, for machines where the genuine one is not installed.
//!
//! It speaks the HTTP API of Toxiproxy 2.12, so its clients and its documentation hold here too. The differences, all
//! on purpose:
//!
//! - `reset_peer` resets live and idle connections as well as new ones, and resets both sides (`SO_LINGER` 0, so a real
//!   RST). Toxiproxy needs another chunk of data, and sends FIN on connections that were there before the toxic.
//! - `timeout` counts from the moment the toxic meets the connection; Toxiproxy starts anew with every chunk.
//! - A half-closed connection stays half open, and a peer's RST is passed on as RST.
//! - Toxicity is drawn once per toxic and connection; other toxics coming and going do not draw it again.
//! - The upstream is dialled beside the accept loop and with a deadline.
//! - Adding, changing and removing toxics loses no data and reorders none, except where a toxic swallowed some.
//! - The latencies of one stream add up. Jitter repeats for the same proxy name and connection number.
//! - `bandwidth` of 0 lets nothing through and stops reading, so the sender feels back-pressure.
//! - A proxy that is down keeps its port: connects are refused, and nobody else is given it.
//! - Negative or fractional attributes and a slicer without a size are refused with 400.
//! - An empty `listen` means an ephemeral loopback port. There are no `/metrics` and no `noop` toxic.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

mod api;
mod chain;
mod chance;
mod problem;
mod proxy;
mod pump;
mod stage;
mod toxic;

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the embedded Toxiproxy cannot listen on {listen}: {source}; port 0 takes any free one")]
pub struct ToxiproxyError {
    listen: SocketAddr,
    source: io::Error,
}

/// A running server. Dropping it closes its API, all its proxies and all their connections.
#[derive(Debug)]
pub struct ToxiproxyServer {
    address: SocketAddr,
    _stop: DropGuard,
}

impl ToxiproxyServer {
    /// Serves the API on `listen`; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(listen: SocketAddr) -> Result<Self, ToxiproxyError> {
        let failed = |source| ToxiproxyError { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let app = api::routes(stop.clone());
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            let served = axum::serve(listener, app)
                .with_graceful_shutdown(stopped)
                .await;
            if let Err(error) = served {
                tracing::warn!(%address, %error, "the embedded Toxiproxy stopped serving its API");
            }
        });
        Ok(Self {
            address,
            _stop: stop.drop_guard(),
        })
    }

    /// Where the API is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
