//! Metrics of the consumer.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::inbox::parked::Waiting;

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
    /// Messages that wait in the queue.
    pub queue_messages: Gauge,
    /// Bids that wait for a predecessor now.
    pub parked_bids: Gauge,
    /// How long the first of them has waited.
    pub oldest_gap_seconds: Gauge<f64, AtomicU64>,
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
        consumer.register(
            "queue_messages",
            "Messages in the queue that no consumer has yet, by the broker's last answer",
            metrics.queue_messages.clone(),
        );
        consumer.register(
            "parked_bids",
            "Bids that wait for a predecessor",
            metrics.parked_bids.clone(),
        );
        consumer.register(
            "oldest_gap_seconds",
            "How long the first bid that waits for a predecessor has waited",
            metrics.oldest_gap_seconds.clone(),
        );
        metrics
    }

    /// Shows a fresh measurement.
    pub(crate) fn show(&self, waiting: Waiting) {
        self.parked_bids.set(waiting.parked);
        self.oldest_gap_seconds.set(waiting.oldest_gap_seconds);
    }
}
