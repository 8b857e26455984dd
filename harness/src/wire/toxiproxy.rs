//! A Toxiproxy server inside the lab, for machines where the genuine one is not installed.
//!
//! It speaks the HTTP API of Toxiproxy 2.12, so its clients and its documentation hold here too. The differences, all
//! on purpose:
//!
//! - `reset_peer` resets both sides (`SO_LINGER` 0, so a real RST), also of connections that were there before it.
//! - A half-closed connection stays half open, and a peer's RST is passed on as RST.
//! - Toxicity is drawn anew for a connection when its toxic is changed, and not when others come and go.
//! - The upstream is dialled beside the accept loop and with a deadline.
//! - Adding, changing and removing toxics loses no data and reorders none, except where a toxic swallowed some.
//! - The latencies of one stream add up. Jitter repeats for the same proxy name and connection number.
//! - `bandwidth` of 0 lets nothing through and stops reading, so the sender feels back-pressure.
//! - A proxy that is down keeps its port: connects are refused, and nobody else is given it.
//! - A proxy that is moved to an address that cannot be had stays as it is, connections included.
//! - Negative or fractional attributes are refused with 400. There are no `/metrics`.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use api::Shelf;
pub use api::VERSION;

mod api;
mod chain;
mod chance;
mod folded;
pub(crate) mod listen;
mod problem;
mod proxy;
mod pump;
mod stage;
mod toxic;

/// The server could not be started as it was to be.
#[derive(Debug, thiserror::Error)]
pub enum ToxiproxyError {
    /// Its API's address cannot be had.
    #[error("the embedded Toxiproxy cannot listen on {listen}; port 0 takes any free one")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A proxy that it was to begin with could not be made.
    #[error("{0}")]
    Proxies(String),
}

/// A running server. Dropping it closes its API, all its proxies and all their connections.
#[derive(Debug)]
pub struct ToxiproxyServer {
    address: SocketAddr,
    shelf: Arc<Shelf>,
    _stop: DropGuard,
}

impl ToxiproxyServer {
    /// Serves the API on `listen`; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(listen: SocketAddr) -> Result<Self, ToxiproxyError> {
        let failed = |source| ToxiproxyError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let shelf = Arc::new(Shelf::new(stop.clone()));
        let app = api::routes(shelf.clone());
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
            shelf,
            _stop: stop.drop_guard(),
        })
    }

    /// Makes proxies as `POST /populate` does, from its body.
    ///
    /// # Errors
    /// When the body cannot be read, or one of the proxies cannot be made; those before it are there.
    pub async fn populate(&self, body: &[u8]) -> Result<(), ToxiproxyError> {
        let made = self.shelf.populate(body, &mut Vec::new()).await;
        made.map_err(|problem| ToxiproxyError::Proxies(problem.to_string()))
    }

    /// Where the API is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
