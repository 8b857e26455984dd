//! Where a process listens, and how much of it clients may take.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{
    config::Serving,
    descriptors,
    http::{self, ConnectionLimits, HttpLimits, Listening, OpsState, Scraped},
};

/// Operators, scrapers and probes at once.
const OPS_CONNECTIONS: usize = 32;
/// Descriptors that are nobody's connection to HTTP: databases and brokers of all roles but the API's pool, listeners, the
/// runtime's own, with room to spare.
const OTHER_DESCRIPTORS: usize = 64;

/// The main listener, and the operators' if there is one.
pub struct Listeners {
    main: TcpListener,
    operators: Option<TcpListener>,
    limits: ConnectionLimits,
}

impl Listeners {
    /// Binds what is asked for. From here on clients wait instead of being refused.
    pub async fn bind(serving: &Serving) -> Result<Self> {
        let asked = &serving.process.listening.addresses;
        let main = listen(asked.http_addr, "--http-addr").await?;
        let operators = match asked.ops_addr {
            Some(address) => Some(listen(address, "--ops-addr").await?),
            None => None,
        };
        Ok(Self {
            main,
            operators,
            limits: limits(serving, descriptors::raise()),
        })
    }

    /// Where `/metrics` is, seen from the main listener.
    pub fn scraped(&self) -> Scraped {
        match self.operators {
            Some(_) => Scraped::Elsewhere,
            None => Scraped::Here,
        }
    }

    /// So many live feeds, of as many as are asked for. They stay for long: half of the connections is left to requests.
    pub fn feeds(&self, asked: u32) -> usize {
        (asked as usize).min(self.limits.most / 2)
    }

    /// What there is to serve, by name: `router` at the main listener.
    pub fn with(self, router: Router, ops: &OpsState) -> Vec<(&'static str, Listening)> {
        let metrics = &ops.metrics.api;
        let few = ConnectionLimits {
            most: OPS_CONNECTIONS,
            ..self.limits.clone()
        };
        let operators = self.operators.map(|listener| {
            let ops = OpsState {
                limits: HttpLimits::OF_PROBES,
                ..ops.clone()
            };
            let router = http::ops_router(ops, Scraped::Here);
            ("operations", Listening::new(listener, router, few, metrics))
        });
        let main = Listening::new(self.main, router, self.limits, metrics);
        operators.into_iter().chain([("http", main)]).collect()
    }
}

async fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address} (another {setting}?)"))?;
    info!(address = %listener.local_addr()?, "listening");
    Ok(listener)
}

/// What clients may take of the main listener, of so many descriptors. The rest of the process keeps some of its own.
fn limits(serving: &Serving, descriptors: u64) -> ConnectionLimits {
    let limits = serving.process.listening.limits(serving.process.grace());
    let pool = serving
        .api
        .as_ref()
        .map_or(0, |(api, _)| api.api_connections as usize);
    let kept = OTHER_DESCRIPTORS + OPS_CONNECTIONS + pool;
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let most = limits.most.min(descriptors.saturating_sub(kept)).max(1);
    if most < limits.most {
        warn!(
            descriptors,
            most,
            "fewer connections than --max-connections: the process may not have more descriptors"
        );
    }
    ConnectionLimits { most, ..limits }
}
