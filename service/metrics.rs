//! What the service counts. Every label has a fixed set of values, so that no request can grow the registry.

use std::ops::Deref;
use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

mod api;
mod consumer;
mod outbox;
mod relay;

pub use api::{ApiMetrics, Method, Refusal, Request, StatusClass};
pub use consumer::ConsumerMetrics;
pub use outbox::OutboxMetrics;
pub use relay::RelayMetrics;

/// The media type of [`Metrics::expose`].
pub const EXPOSITION_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a process. Cloning shares them, at the price of one count: each request passes them on several times.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Families>);

/// What is counted, by who counts it.
#[derive(Debug)]
pub struct Families {
    /// Of the HTTP API.
    pub api: ApiMetrics,
    /// Of the relay.
    pub relay: RelayMetrics,
    /// Of the consumer.
    pub consumer: ConsumerMetrics,
    /// Of the outbox table.
    pub outbox: OutboxMetrics,
    registry: Registry,
}

impl Deref for Metrics {
    type Target = Families;

    fn deref(&self) -> &Families {
        &self.0
    }
}

impl Metrics {
    /// A fresh set, all zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        Self(Arc::new(Families {
            api: ApiMetrics::register(&mut registry),
            relay: RelayMetrics::register(&mut registry),
            consumer: ConsumerMetrics::register(&mut registry),
            outbox: OutboxMetrics::register(&mut registry),
            registry,
        }))
    }

    /// The OpenMetrics text of everything.
    pub fn expose(&self) -> Result<String, std::fmt::Error> {
        let mut exposed = String::new();
        text::encode(&mut exposed, &self.registry)?;
        Ok(exposed)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together_and_the_text_is_complete() {
        let metrics = Metrics::new();
        metrics.clone().relay.published.inc_by(3);
        metrics.outbox.pending.set(7);
        let exposed = metrics.expose().expect("a string takes everything");
        assert!(exposed.contains("relay_published_total 3"), "{exposed}");
        assert!(exposed.contains("outbox_pending_events 7"), "{exposed}");
        assert!(exposed.ends_with("# EOF\n"), "{exposed}");
    }
}
