//! Metrics of the relay.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Metrics of the relay.
#[derive(Clone, Debug)]
pub struct RelayMetrics {
    /// Events that the broker confirmed.
    pub published: Counter,
    /// Claimed events that were handed back and go out later.
    pub handed_back: Counter,
    /// Events given up: no message can be made of them, or they have ended their relays.
    pub failed: Counter,
    /// Messages that no queue took.
    pub returned: Counter,
    /// Messages that the broker refused.
    pub nacked: Counter,
    /// Write-backs that came too late: another relay owned the lane by then.
    pub lease_conflicts: Counter,
    /// Times the broker could not be reached.
    pub outages: Counter,
    /// From publish to confirm.
    pub confirm_seconds: Histogram,
    /// Events in one claim.
    pub batch_events: Histogram,
    /// Lanes that this relay owns.
    pub lanes_owned: Gauge,
}

impl RelayMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            published: Counter::default(),
            handed_back: Counter::default(),
            failed: Counter::default(),
            returned: Counter::default(),
            nacked: Counter::default(),
            lease_conflicts: Counter::default(),
            outages: Counter::default(),
            confirm_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 15)),
            batch_events: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            lanes_owned: Gauge::default(),
        };
        let relay = registry.sub_registry_with_prefix("relay");
        relay.register(
            "published",
            "Events confirmed by the broker",
            metrics.published.clone(),
        );
        relay.register(
            "handed_back",
            "Claimed events that were handed back and go out later",
            metrics.handed_back.clone(),
        );
        relay.register("failed", "Events given up", metrics.failed.clone());
        relay.register(
            "returned",
            "Messages that no queue took",
            metrics.returned.clone(),
        );
        relay.register(
            "nacked",
            "Messages that the broker refused",
            metrics.nacked.clone(),
        );
        relay.register(
            "lease_conflicts",
            "Write-backs that another relay's ownership had overtaken",
            metrics.lease_conflicts.clone(),
        );
        relay.register(
            "outages",
            "Times the broker could not be reached",
            metrics.outages.clone(),
        );
        relay.register(
            "confirm_seconds",
            "Time from publish to confirm",
            metrics.confirm_seconds.clone(),
        );
        relay.register(
            "batch_events",
            "Events in one claim",
            metrics.batch_events.clone(),
        );
        relay.register(
            "lanes_owned",
            "Lanes that this relay owns",
            metrics.lanes_owned.clone(),
        );
        metrics
    }
}
