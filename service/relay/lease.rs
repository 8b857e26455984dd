//! Keeping the lease: one beat in a quarter of it, on a task that no publishing can starve.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Relay, STATEMENT_WITHIN};
use crate::{database::DatabaseError, outbox::lanes};

/// Until when the leases are known to be ours, by this process's monotonic clock. It goes on counting while the process
/// is frozen, so that a relay that wakes up late knows it.
#[derive(Debug, Default)]
pub(super) struct Lease(Mutex<Option<Instant>>);

impl Lease {
    /// Whether the lease is good for at least `span` from now.
    pub fn outlasts(&self, span: Duration) -> bool {
        let until = *self
            .0
            .lock()
            .expect("never poisoned: no code panics under this lock");
        until.is_some_and(|until| Instant::now() + span < until)
    }

    fn renewed(&self, until: Instant) {
        *self
            .0
            .lock()
            .expect("never poisoned: no code panics under this lock") = Some(until);
    }
}

impl Relay {
    /// Beats until `over`.
    pub(super) async fn keep_lease(&self, over: &CancellationToken) {
        let lease = self.settings.lease;
        let mut beat = tokio::time::interval(lease / 4);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = over.cancelled() => return,
            }
            // Counted from before the question: the database's lease then ends later than ours.
            let asked = Instant::now();
            let answer = self
                .database
                .within(STATEMENT_WITHIN.min(lease / 2), async |conn| {
                    Ok::<_, DatabaseError>(
                        lanes::beat(conn, self.id, lease, self.doorbell.is_wanted()).await?,
                    )
                })
                .await;
            match answer {
                Ok(beat) => {
                    self.lease.renewed(asked + lease);
                    self.metrics.lanes_owned.set(beat.owned);
                    if beat.acquired > 0 {
                        info!(
                            acquired = beat.acquired,
                            owned = beat.owned,
                            reclaimed = beat.reclaimed,
                            "lanes acquired"
                        );
                        self.doorbell.ring();
                    }
                }
                Err(error) => {
                    warn!(%error, "lease not renewed");
                }
            }
        }
    }
}
