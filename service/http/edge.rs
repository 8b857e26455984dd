//! What surrounds every route.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::OpsState;
use super::problem::{Code, Problem};
use super::trace_context;
use crate::metrics;

/// Answers for a path that no route has.
pub async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(
        Code::RouteNotFound,
        format!("there is nothing at {}", uri.path()),
    )
}

/// Answers for a method that the path's routes do not take; the `Allow` header says which they do.
pub async fn method_not_allowed(method: Method) -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        format!("{method} is not a method of this route"),
    )
}

/// Answers when a handler panicked: a defect, and the reason not to lose the connection over it.
pub fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    trace_context::logged().in_scope(|| tracing::error!("a request's handler panicked"));
    Problem::of(Code::Internal).into_response()
}

/// Ends a request that took too long. Dropping it rolls back, unless the commit was already sent.
pub async fn deadline(State(state): State<OpsState>, request: Request, next: Next) -> Response {
    let limit = state.limits.request_deadline;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            trace_context::logged().in_scope(|| tracing::warn!("a request took too long"));
            Problem::new(
                Code::OutcomeUnknown,
                "the request took too long; repeat a bid with the same bid_id to find out what became of it",
            )
            .about(trace_context::bid_id())
            .into_response()
        }
    }
}

/// Counts the request under its route's pattern.
pub async fn count(State(state): State<OpsState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = match *request.method() {
        Method::GET => metrics::Method::Get,
        Method::POST => metrics::Method::Post,
        _ => metrics::Method::Other,
    };
    let route = match request.extensions().get::<MatchedPath>() {
        Some(pattern) => pattern.as_str().to_owned(),
        None => "unmatched".to_owned(),
    };
    let response = next.run(request).await;
    let status = class(response.status());
    let request = metrics::Request {
        method,
        route,
        status,
    };
    state.metrics.api.answered(request, started.elapsed());
    response
}

fn class(status: StatusCode) -> metrics::StatusClass {
    match status.as_u16() / 100 {
        2 => metrics::StatusClass::Success,
        4 => metrics::StatusClass::ClientError,
        5 => metrics::StatusClass::ServerError,
        _ => metrics::StatusClass::Other,
    }
}
