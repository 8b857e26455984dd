//! Metrics of the outbox table, refreshed when somebody asks for them.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::outbox::backlog::Backlog;

/// Metrics of the outbox table.
#[derive(Clone, Debug, Default)]
pub struct OutboxMetrics {
    /// Events that wait for a relay.
    pub pending: Gauge,
    /// Events that a relay has claimed.
    pub processing: Gauge,
    /// Events given up.
    pub failed: Gauge,
    /// The age of the longest waiting event.
    pub oldest_pending_seconds: Gauge<f64, AtomicU64>,
    /// Refreshes that failed: the gauges above are older than they look.
    pub stale: Counter,
}

impl OutboxMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let outbox = registry.sub_registry_with_prefix("outbox");
        outbox.register(
            "pending_events",
            "Events that wait for a relay",
            metrics.pending.clone(),
        );
        outbox.register(
            "processing_events",
            "Events that a relay has claimed",
            metrics.processing.clone(),
        );
        outbox.register("failed_events", "Events given up", metrics.failed.clone());
        outbox.register(
            "oldest_pending_seconds",
            "Age of the longest waiting event",
            metrics.oldest_pending_seconds.clone(),
        );
        outbox.register(
            "stale_scrapes",
            "Scrapes that could not refresh the outbox gauges",
            metrics.stale.clone(),
        );
        metrics
    }

    /// Shows a fresh measurement.
    pub fn show(&self, backlog: Backlog) {
        self.pending.set(backlog.pending);
        self.processing.set(backlog.processing);
        self.failed.set(backlog.failed);
        self.oldest_pending_seconds
            .set(backlog.oldest_pending_seconds);
    }
}
