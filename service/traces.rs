//! Spans for whoever follows a bid through the system: a request, an event on its way to the broker, a delivery that is
//! applied. They are in one trace, which an event carries with it as a W3C `traceparent`.
//!
//! Nobody takes them unless an exporter was set up: until then none is made, and what a client sent as its `traceparent` is
//! handed on as it came. They are no part of log lines, whatever is logged.

use std::sync::{
    LazyLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use lapin::message::Delivery;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{broker::header, outbox::ClaimedEvent};

/// The target of all of them, by which they are told from everything else.
pub(crate) const TARGET: &str = "outbox_traces";
/// What a context is called in a message's headers, too.
pub(crate) const TRACEPARENT: &str = "traceparent";

static TAKEN: AtomicBool = AtomicBool::new(false);
static W3C: LazyLock<TraceContextPropagator> = LazyLock::new(TraceContextPropagator::new);

/// From now on somebody takes spans.
pub(crate) fn take() {
    TAKEN.store(true, Relaxed);
}

/// Whether somebody takes spans.
pub(crate) fn are_taken() -> bool {
    TAKEN.load(Relaxed)
}

/// A request, in the trace of whoever sent it.
pub(crate) fn request(method: &str, route: &str, parent: Option<&str>) -> Span {
    if !are_taken() {
        return Span::none();
    }
    let span = info_span!(
        target: TARGET, parent: None, "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        auction_id = Empty,
        bid_id = Empty,
    );
    follow(&span, parent);
    span
}

/// An event that goes to the broker, in the trace of the request that wrote it. One that was written outside of any trace
/// begins none.
pub(crate) fn publish(event: &ClaimedEvent, exchange: &str) -> Span {
    let Some(parent) = event.traceparent.as_deref().filter(|_| are_taken()) else {
        return Span::none();
    };
    let span = info_span!(
        target: TARGET, parent: None, "publish",
        otel.name = format_args!("publish {exchange}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        messaging.system = "rabbitmq",
        messaging.operation.type = "send",
        messaging.operation.name = "publish",
        messaging.destination.name = exchange,
        messaging.message.id = %event.id,
        auction_id = %event.auction_id,
    );
    follow(&span, Some(parent));
    span
}

/// A delivery that is applied and acked, in the trace that it carries. One that carries none begins none.
pub(crate) fn process(delivery: &Delivery, queue: &str) -> Span {
    let Some(parent) = carried(delivery).filter(|_| are_taken()) else {
        return Span::none();
    };
    let message = delivery.properties.message_id().as_ref();
    let span = info_span!(
        target: TARGET, parent: None, "process",
        otel.name = format_args!("process {queue}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        messaging.system = "rabbitmq",
        messaging.operation.type = "process",
        messaging.operation.name = "process",
        messaging.destination.name = queue,
        messaging.message.id = message.map_or("", |id| id.as_str()),
    );
    follow(&span, Some(parent));
    span
}

/// What a span is about did not come to a good end.
pub(crate) fn failed(span: &Span, why: &str) {
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", why);
}

/// The context for what follows from a span, if anybody takes it.
pub(crate) fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let mut header = Header(None);
    W3C.inject_context(&span.context(), &mut header);
    header.0
}

/// The trace that a `traceparent` is of.
pub(crate) fn trace_id(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1)
}

/// The `traceparent` of a message.
pub(crate) fn carried(delivery: &Delivery) -> Option<&str> {
    header(delivery, TRACEPARENT)
}

fn follow(span: &Span, parent: Option<&str>) {
    if let Some(parent) = parent {
        let parent = Header(Some(parent.to_owned()));
        let context = W3C.extract_with_context(&Context::new(), &parent);
        // Fails for a span that nobody takes, of which nothing follows.
        let _ = span.set_parent(context);
    }
}

/// The one header that there is.
struct Header(Option<String>);

impl Extractor for Header {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == TRACEPARENT)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

impl Injector for Header {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}
