//! Keeping the lease: one beat in a quarter of it, on a task that no publishing can starve.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::{STATEMENT_WITHIN, doorbell::Doorbell, lease::Lease};
use crate::{
    database::{Database, DatabaseError},
    metrics::RelayMetrics,
    outbox::lanes,
    readiness::Dependency,
};

/// The pause after a beat that failed.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Beats, and tells the lease and the doorbell what came of it.
pub(super) struct LeaseKeeper {
    pub relay: Uuid,
    pub database: Database,
    pub lease: Arc<Lease>,
    pub doorbell: Arc<Doorbell>,
    pub metrics: RelayMetrics,
    /// Whether this relay has what it may publish from.
    pub lanes: Dependency,
    /// How long a lane is ours after a beat.
    pub span: Duration,
    /// Claims that came to nothing before an event is given up.
    pub max_attempts: i32,
}

impl LeaseKeeper {
    /// Beats until `over`.
    pub async fn run(&self, over: &CancellationToken) {
        let mut beat = tokio::time::interval(self.span / 4);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = over.cancelled() => return,
            }
            match self.beat().await {
                Ok(()) => self.lanes.up(),
                Err(error) => {
                    warn!(%error, "lease not renewed");
                    self.lanes.down(format!("lease not renewed: {error}"));
                    beat.reset_after(AGAIN_AFTER.min(self.span / 4));
                }
            }
        }
    }

    async fn beat(&self) -> Result<(), DatabaseError> {
        // Counted from before the question: the database's lease then ends later than ours.
        let asked = Instant::now();
        let (span, wanted) = (self.span, self.doorbell.is_wanted());
        let beat = self
            .database
            .within(STATEMENT_WITHIN.min(span / 2), async |conn| {
                let beat = lanes::beat(conn, self.relay, span, wanted, self.max_attempts);
                Ok::<_, DatabaseError>(beat.await?)
            })
            .await?;
        self.lease.renewed(asked + span, &beat.held);
        self.metrics.lanes_owned.set(beat.held.len() as i64);
        self.metrics.failed.inc_by(beat.failed);
        if beat.failed > 0 {
            error!(
                events = beat.failed,
                attempts = self.max_attempts,
                "events given up: their relays ended again and again before they had sent them"
            );
        }
        if beat.acquired > 0 {
            let (acquired, owned) = (beat.acquired, beat.held.len());
            info!(
                acquired,
                owned,
                reclaimed = beat.reclaimed,
                "lanes acquired"
            );
            self.doorbell.ring();
        }
        Ok(())
    }
}
