//! The HTTP API. Every answer that is not a success is a problem document (`http/problem.rs`); nothing that a client
//! sends may cause a 5xx.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::database::Database;
use crate::live::LiveHub;
use crate::metrics::Metrics;
use crate::readiness::Readiness;

mod auctions;
mod bids;
mod body;
mod described;
mod edge;
mod front;
mod listening;
mod live;
mod openapi;
mod operations;
mod page;
mod places;
mod problem;
mod resume;
mod target;
mod trace_context;
mod unread;

pub use listening::{ConnectionLimits, Listening};
pub use operations::BacklogCache;
pub(crate) use operations::PROBE_DEADLINE;

/// What one request may cost.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// The longest body that is read.
    pub body_bytes: usize,
    /// How long the client may take to send the body.
    pub body_deadline: Duration,
    /// How long the request may spend in Postgres once it has a connection.
    pub database_deadline: Duration,
    /// How long the head of the answer may take altogether. Longer than the other waits together, it is a safety net.
    pub request_deadline: Duration,
    /// The pause between comments that keep a silent live feed open.
    pub keep_alive: Duration,
    /// How long a live feed lasts at most.
    pub feed_age: Duration,
}

impl HttpLimits {
    /// Where nothing but health, readiness and metrics is asked for.
    pub const OF_PROBES: Self = Self {
        body_bytes: 1024,
        body_deadline: PROBE_DEADLINE,
        database_deadline: PROBE_DEADLINE,
        request_deadline: Duration::from_secs(10),
        keep_alive: Duration::from_secs(15),
        feed_age: PROBE_DEADLINE,
    };
}

/// What every role serves.
#[derive(Clone, Debug)]
pub struct OpsState {
    /// What is counted.
    pub metrics: Metrics,
    /// What is needed.
    pub readiness: Readiness,
    /// For the readiness probe and the backlog gauges: a small pool of its own, so that a busy service still answers.
    pub database: Database,
    /// Whether a relay runs here, for which a schema of later is as unfit as one of before.
    pub publishes: bool,
    /// How old the backlog gauges are.
    pub backlog: BacklogCache,
    /// What a request may cost.
    pub limits: HttpLimits,
}

/// What the API serves beside it.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// Where auctions and bids are.
    pub database: Database,
    /// Who wakes the live feeds.
    pub live: LiveHub,
    /// What every role serves.
    pub ops: OpsState,
}

impl FromRef<ApiState> for OpsState {
    fn from_ref(state: &ApiState) -> Self {
        state.ops.clone()
    }
}

/// Whether `/metrics` is among the routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scraped {
    /// It is.
    Here,
    /// It has a listener of its own.
    Elsewhere,
}

/// The routes of a process that serves the API: everything.
pub fn api_router(state: ApiState, scraped: Scraped) -> Router {
    let ops = state.ops.clone();
    let api = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(auctions::create))
        .routes(routes!(auctions::read))
        .routes(routes!(bids::place, bids::list))
        .routes(routes!(live::feed))
        .routes(routes!(openapi::document))
        .with_state(state)
        .layer(from_fn_with_state(ops.clone(), edge::deadline));
    let (router, described) = api
        .merge(operations_routes(&ops, scraped))
        .split_for_parts();
    fenced(
        router
            .merge(front::routes())
            .layer(Extension(openapi::Document::new(&described))),
        ops,
    )
}

/// The routes of a process that only works: health, readiness and metrics.
pub fn ops_router(state: OpsState, scraped: Scraped) -> Router {
    fenced(operations_routes(&state, scraped).into(), state)
}

fn operations_routes(state: &OpsState, scraped: Scraped) -> OpenApiRouter {
    let probes = OpenApiRouter::new()
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz));
    let routes = match scraped {
        Scraped::Here => probes.routes(routes!(operations::metrics)),
        Scraped::Elsewhere => probes,
    };
    routes.with_state(state.clone())
}

/// What surrounds every route, innermost first: answers for what no route takes, the body's limits (ours, not axum's), a
/// net for panics, a count, what it is seen by. The other layers of tower-http answer without a problem document.
fn fenced(routes: Router, state: OpsState) -> Router {
    routes
        .method_not_allowed_fallback(edge::method_not_allowed)
        .fallback(edge::no_such_route)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), body::arrive))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(from_fn_with_state(state, edge::count))
        .layer(from_fn(trace_context::trace))
}

#[cfg(test)]
mod tests;
