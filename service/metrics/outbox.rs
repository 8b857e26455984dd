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
    /// Events that wait for an earlier one of their auction that has failed.
    pub held: Gauge,
    /// Auctions that wait for a failed event.
    pub held_auctions: Gauge,
    /// The age of the oldest event that is not published.
    pub oldest_unpublished_seconds: Gauge<f64, AtomicU64>,
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
            "held_events",
            "Events that wait for an earlier one of their auction that has failed",
            metrics.held.clone(),
        );
        outbox.register(
            "held_auctions",
            "Auctions that wait for a failed event",
            metrics.held_auctions.clone(),
        );
        outbox.register(
            "oldest_unpublished_seconds",
            "Age of the oldest event that is not published, claimed and failed ones included",
            metrics.oldest_unpublished_seconds.clone(),
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
        self.held.set(backlog.held);
        self.held_auctions.set(backlog.held_auctions);
        self.oldest_unpublished_seconds
            .set(backlog.oldest_unpublished_seconds);
    }
}
