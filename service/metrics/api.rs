//! Metrics of the HTTP API.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Which requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// As written in the request.
    pub method: Method,
    /// The route's pattern, never the path that was asked for.
    pub route: String,
    /// How it was answered.
    pub status: StatusClass,
}

/// The methods that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Other,
}

/// The first digit of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum StatusClass {
    Success,
    ClientError,
    ServerError,
    Other,
}

impl EncodeLabelValue for Method {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Other => "other",
        };
        name.encode(encoder)
    }
}

impl EncodeLabelValue for StatusClass {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Success => "2xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Other => "other",
        };
        name.encode(encoder)
    }
}

/// Why bids did not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Refusal {
    /// The `code` of the problem document.
    pub code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// Metrics of the HTTP API.
#[derive(Clone, Debug)]
pub struct ApiMetrics {
    requests: Family<Request, Counter>,
    latency: Family<Route, Histogram, fn() -> Histogram>,
    /// Bids recorded.
    pub bids_placed: Counter,
    /// Requests that repeated a recorded bid.
    pub bids_repeated: Counter,
    /// Bids that were not recorded.
    pub bids_refused: Family<Refusal, Counter>,
    /// Open live feeds.
    pub live_streams: Gauge,
    /// Open connections of all listeners.
    pub connections: Gauge,
    /// Idle connections that were closed to make room for new ones.
    pub connections_displaced: Counter,
}

impl ApiMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(latency_histogram),
            bids_placed: Counter::default(),
            bids_repeated: Counter::default(),
            bids_refused: Family::default(),
            live_streams: Gauge::default(),
            connections: Gauge::default(),
            connections_displaced: Counter::default(),
        };
        registry.register(
            "http_requests",
            "Requests answered",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time to the head of the answer",
            metrics.latency.clone(),
        );
        registry.register("bids_placed", "Bids recorded", metrics.bids_placed.clone());
        registry.register(
            "bids_repeated",
            "Requests that repeated a recorded bid",
            metrics.bids_repeated.clone(),
        );
        registry.register(
            "bids_refused",
            "Bids that were not recorded, by problem code",
            metrics.bids_refused.clone(),
        );
        registry.register(
            "live_streams",
            "Open live feeds",
            metrics.live_streams.clone(),
        );
        registry.register(
            "http_connections",
            "Open connections",
            metrics.connections.clone(),
        );
        registry.register(
            "http_connections_displaced",
            "Idle connections closed to make room for new ones",
            metrics.connections_displaced.clone(),
        );
        metrics
    }

    /// Counts an answered request.
    pub fn answered(&self, request: Request, took: Duration) {
        let route = Route {
            route: request.route.clone(),
        };
        self.latency
            .get_or_create(&route)
            .observe(took.as_secs_f64());
        self.requests.get_or_create(&request).inc();
    }
}

/// 0.5 ms to 8 s.
fn latency_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 15))
}
