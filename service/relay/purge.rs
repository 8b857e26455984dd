//! Retention: published events are deleted in small chunks, away from the claim's index.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{Relay, STATEMENT_WITHIN};
use crate::{database::DatabaseError, outbox};

const EVERY: Duration = Duration::from_secs(60);
const CHUNK: i64 = 1000;

impl Relay {
    /// Purges until `stop`.
    pub(super) async fn purge_published(&self, stop: &CancellationToken) {
        let mut round = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = round.tick() => {}
                () = stop.cancelled() => return,
            }
            let mut purged = 0;
            loop {
                let retention = self.settings.retention;
                let chunk = self
                    .database
                    .within(STATEMENT_WITHIN, async |conn| {
                        Ok::<_, DatabaseError>(outbox::purge(conn, retention, CHUNK).await?)
                    })
                    .await;
                match chunk {
                    Ok(rows) => purged += rows,
                    Err(error) => {
                        debug!(%error, "purge put off");
                        break;
                    }
                }
                if chunk.is_ok_and(|rows| rows < CHUNK as u64) || stop.is_cancelled() {
                    break;
                }
            }
            if purged > 0 {
                info!(purged, "published events past their retention deleted");
            }
        }
    }
}
