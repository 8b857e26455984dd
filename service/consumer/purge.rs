//! Retention of what was applied, in small chunks. Any number of consumers may do it side by side.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{APPLY_WITHIN, Consumer};
use crate::{database::DatabaseError, inbox};

/// Between two rounds, where the window is not shorter.
const EVERY: Duration = Duration::from_secs(60);
const CHUNK: u32 = 1000;

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
            let mut purged = 0;
            // Ends where nothing is left: what is applied meanwhile is too young.
            while !stop.is_cancelled() {
                let chunk = self
                    .database
                    .within(APPLY_WITHIN, async |conn| {
                        Ok::<_, DatabaseError>(inbox::purge(conn, retention, CHUNK).await?)
                    })
                    .await;
                match chunk {
                    Ok(rows) => {
                        purged += rows;
                        if rows < u64::from(CHUNK) {
                            break;
                        }
                    }
                    Err(error) => {
                        debug!(%error, "purge put off");
                        break;
                    }
                }
            }
            if purged > 0 {
                info!(purged, "applied bids past their retention deleted");
            }
        }
    }
}
