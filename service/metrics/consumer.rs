//! Metrics of the consumer.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Metrics of the consumer.
#[derive(Clone, Debug, Default)]
pub struct ConsumerMetrics {
    /// Deliveries, repeated ones included.
    pub received: Counter,
    /// Deliveries of a bid that was received before.
    pub duplicates: Counter,
    /// Bids that took effect.
    pub applied: Counter,
    /// Bids that arrived before a predecessor and were put aside.
    pub parked: Counter,
    /// Deliveries that can never be understood.
    pub dead_lettered: Counter,
}

impl ConsumerMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let consumer = registry.sub_registry_with_prefix("consumer");
        consumer.register("received", "Deliveries", metrics.received.clone());
        consumer.register(
            "duplicates",
            "Deliveries of a known bid",
            metrics.duplicates.clone(),
        );
        consumer.register("applied", "Bids that took effect", metrics.applied.clone());
        consumer.register(
            "parked",
            "Bids put aside for a predecessor",
            metrics.parked.clone(),
        );
        consumer.register(
            "dead_lettered",
            "Deliveries that can never be understood",
            metrics.dead_lettered.clone(),
        );
        metrics
    }
}
