//! Retention of what was applied, in small chunks. Any number of consumers may do it side by side.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{APPLY_WITHIN, Consumer};
use crate::{
    chunks::{CHUNK, in_chunks},
    database::DatabaseError,
    inbox,
};

/// Between two rounds, where the window is not shorter.
const EVERY: Duration = Duration::from_secs(60);

impl Consumer {
    /// Purges until `stop`.
    pub(super) async fn purge_applied(&self, stop: &CancellationToken) {
        let retention = self.settings.retention;
        let mut round = tokio::time::interval(EVERY.min(retention).max(Duration::from_secs(1)));
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = round.tick() => {}
                () = stop.cancelled() => return,
            }
            // Ends where nothing is left: what is applied meanwhile is too young.
            let purged = in_chunks(stop, || async move {
                self.database
                    .within(APPLY_WITHIN, async |conn| {
                        Ok::<_, DatabaseError>(inbox::purge(conn, retention, CHUNK).await?)
                    })
                    .await
            });
            match purged.await {
                Ok(0) => {}
                Ok(purged) => info!(purged, "applied bids past their retention deleted"),
                Err(error) => debug!(%error, "purge put off"),
            }
        }
    }
}
