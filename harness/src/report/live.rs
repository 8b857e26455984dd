//! The live page: a run while it goes on, for a browser on this machine, with buttons that break it.

mod door;
mod feed;
mod orders;
mod page;
mod stream;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::run::live::{Live, hand::Orders};
use door::Door;

/// So many look at it at once.
const LOOKING: usize = 16;
/// Nobody is waited for any longer.
const WAITS_FOR_EYES: Duration = Duration::from_secs(60);
/// Whoever looks has so long to see the end.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// The page, served.
pub struct Page {
    /// Where it is, with the token without which nobody is let in.
    pub url: String,
    live: Arc<Live>,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

/// What the page's answers are made of.
#[derive(Clone)]
struct Shared {
    live: Arc<Live>,
    orders: Option<Orders>,
    places: Arc<Semaphore>,
    http: reqwest::Client,
}

impl Shared {
    /// One of the places of those who look, for as long as they do.
    fn place(&self) -> Result<OwnedSemaphorePermit, (StatusCode, &'static str)> {
        let place = self.places.clone().try_acquire_owned();
        let full = "too many look at it already\n";
        place.map_err(|_| (StatusCode::SERVICE_UNAVAILABLE, full))
    }
}

impl Page {
    /// Serves it on this machine alone; on any port that is free where 0 is asked for.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn serve(live: Arc<Live>, orders: Option<Orders>, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| format!("the live page: port {port}"))?;
        let door = Door::of(listener.local_addr()?.port());
        let url = door.url();
        let shared = Shared {
            live: live.clone(),
            orders,
            places: Arc::new(Semaphore::new(LOOKING)),
            http: feed::client()?,
        };
        let stop = CancellationToken::new();
        let served = axum::serve(listener, router(shared, door));
        let served = served.with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self {
            url,
            live,
            stop,
            serving: tokio::spawn(async move { served.await }),
        })
    }

    /// Waits until somebody looks, and no longer than a minute.
    pub async fn somebody_looks(&self) {
        let _ = timeout(WAITS_FOR_EYES, self.live.looked_at()).await;
    }

    /// Tells whoever looks that it is over, and ends when they have been told.
    pub async fn end(mut self) {
        self.live.over();
        self.stop.cancel();
        if timeout(LAST_LOOK, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

fn router(shared: Shared, door: Door) -> Router {
    let token = door.path();
    let at = |path: &str| format!("{token}{path}");
    Router::new()
        .route(&at("/"), get(page::page))
        .route(&at("/{script}"), get(page::script))
        .route(&at("/live.css"), get(page::style))
        .route(&at("/events"), get(stream::events))
        .route(&at("/feed/{number}"), get(feed::feed))
        .route(&at("/break"), post(orders::breaks))
        .route(&at("/heal"), post(orders::heal))
        .route(&at("/rate"), post(orders::rate))
        .route(&at("/one"), post(orders::one))
        .route(&at("/judge"), post(orders::judge))
        .route(&at("/end"), post(orders::end))
        .with_state(shared)
        .layer(middleware::from_fn_with_state(Arc::new(door), door::guard))
}

#[cfg(test)]
mod tests;
