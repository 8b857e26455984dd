//! The request's W3C trace context, passed on with the event, and the spans that a request is seen by.

use std::sync::OnceLock;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, error_span};

use crate::identity::{AuctionId, BidId};
use crate::traces;

/// Asked every few seconds by who does not follow bids.
const UNTRACED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// A valid `traceparent`, if there is one: where traces are exported that of the request's own span, else what the client
/// sent. An invalid one is ignored, as the specification asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext(Option<String>);

impl TraceContext {
    /// The header's value.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// What the client sent, if it sent exactly one.
    fn sent(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(traces::TRACEPARENT).iter();
        let only = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        };
        Self(only.filter(|value| is_valid(value)).map(str::to_owned))
    }
}

tokio::task_local! {
    /// What the task's request is about.
    static REQUEST: Spans;
}

/// What a request is seen by: in a trace, and in the log lines of what goes wrong with it.
struct Spans {
    traced: Span,
    about: About,
}

/// What is known of a request, for log lines.
#[derive(Debug, Default)]
struct About {
    trace_id: Option<String>,
    auction_id: OnceLock<AuctionId>,
    bid_id: OnceLock<BidId>,
}

/// Says which auction the task's request is about, as soon as that is known.
pub fn know_auction(auction_id: AuctionId) {
    let _ = REQUEST.try_with(|spans| {
        spans.traced.record("auction_id", display(auction_id));
        // A request is about one auction, and about one bid.
        spans.about.auction_id.set(auction_id)
    });
}

/// Says which bid the task's request is about, as soon as that is known.
pub fn know_bid(bid_id: BidId) {
    let _ = REQUEST.try_with(|spans| {
        spans.traced.record("bid_id", display(bid_id));
        spans.about.bid_id.set(bid_id)
    });
}

/// The bid that the task's request is about, once it has a name.
pub fn bid_id() -> Option<BidId> {
    REQUEST
        .try_with(|spans| spans.about.bid_id.get().copied())
        .ok()
        .flatten()
}

/// The span of a log line about the task's request. It is made for that line alone: one that is entered for as long as a
/// request is worked on is entered and left with each of its steps, and that costs every request for the few that fail.
pub fn logged() -> Span {
    REQUEST
        .try_with(|spans| spans.about.span())
        .unwrap_or_else(|_| Span::none())
}

impl About {
    fn span(&self) -> Span {
        // It is there for errors' sake, whatever else is not logged.
        let span = error_span!(
            "request",
            trace_id = self.trace_id.as_deref(),
            auction_id = Empty,
            bid_id = Empty
        );
        if let Some(auction_id) = self.auction_id.get() {
            span.record("auction_id", display(auction_id));
        }
        if let Some(bid_id) = self.bid_id.get() {
            span.record("bid_id", display(bid_id));
        }
        span
    }
}

/// Surrounds a request with its spans.
pub async fn trace(mut request: Request, next: Next) -> Response {
    let pattern = request.extensions().get::<MatchedPath>().cloned();
    let route = pattern.as_ref().map_or("unmatched", MatchedPath::as_str);
    if UNTRACED.contains(&route) {
        return next.run(request).await;
    }
    let sent = TraceContext::sent(request.headers());
    let traced = traces::request(known(request.method()), route, sent.traceparent());
    let context = traces::traceparent(&traced).map_or(sent, |ours| TraceContext(Some(ours)));
    let trace_id = context.traceparent().and_then(traces::trace_id);
    let spans = Spans {
        traced: traced.clone(),
        about: About {
            trace_id: trace_id.map(str::to_owned),
            ..About::default()
        },
    };
    request.extensions_mut().insert(context);
    let answered = REQUEST.scope(spans, next.run(request));
    let response = answered.instrument(traced.clone()).await;
    let status = response.status();
    traced.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        traced.record("otel.status_code", "ERROR");
    }
    response
}

/// Clients cannot make names up.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::POST | Method::HEAD | Method::OPTIONS => method.as_str(),
        Method::PUT | Method::PATCH | Method::DELETE => method.as_str(),
        _ => "_OTHER",
    }
}

/// `version-traceid-parentid-flags`. A version later than 00 may append fields; what is appended is not ours to pass on.
fn is_valid(traceparent: &str) -> bool {
    let fields: Vec<&str> = traceparent.split('-').collect();
    let &[version, trace_id, parent_id, flags] = fields.as_slice() else {
        return false;
    };
    is_hex(version, 2)
        && version != "ff"
        && is_hex(trace_id, 32)
        && is_hex(parent_id, 16)
        && is_hex(flags, 2)
        && [trace_id, parent_id]
            .iter()
            .all(|id| id.bytes().any(|digit| digit != b'0'))
}

fn is_hex(field: &str, length: usize) -> bool {
    field.len() == length
        && field
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn the_specification_decides_what_is_valid() {
        assert!(is_valid(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ));
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert!(!is_valid(wrong), "{wrong:?}");
        }
    }
}
