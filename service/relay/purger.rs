//! What has no hurry: published events are deleted in small chunks, away from the claim's index, and held events that no
//! longer wait for anything are let go.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use uuid::Uuid;

use super::STATEMENT_WITHIN;
use crate::{
    chunks::{CHUNK, in_chunks},
    database::{Database, DatabaseError},
    outbox,
};

const EVERY: Duration = Duration::from_secs(60);
/// Auctions with failed events that are looked at in a round.
const AUCTIONS: i64 = 1_000;

/// Purges, and lets go.
pub(super) struct Purger {
    database: Database,
    retention: Duration,
    hold_failed: bool,
}

impl Purger {
    /// Deletes what was published longer than `retention` ago. `hold_failed` says what held events wait for.
    pub fn new(database: Database, retention: Duration, hold_failed: bool) -> Self {
        Self {
            database,
            retention,
            hold_failed,
        }
    }

    /// Works until `stop`.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut round = tokio::time::interval(EVERY);
        // Where the next look at held auctions goes on.
        let mut after = Uuid::nil();
        loop {
            tokio::select! {
                _ = round.tick() => {}
                () = stop.cancelled() => return,
            }
            match self.purge(stop).await {
                Ok(0) => {}
                Ok(purged) => info!(purged, "published events past their retention deleted"),
                Err(error) => debug!(%error, "purge put off"),
            }
            match self.let_go(&mut after, stop).await {
                Ok(0) => {}
                Ok(let_go) => info!(
                    let_go,
                    "held events let go: nothing of their auctions has failed"
                ),
                Err(error) => debug!(%error, "letting go put off"),
            }
        }
    }

    async fn purge(&self, stop: &CancellationToken) -> Result<u64, DatabaseError> {
        in_chunks(stop, || async move {
            self.database
                .within(STATEMENT_WITHIN, async |conn| {
                    Ok(outbox::purge(conn, self.retention, CHUNK).await?)
                })
                .await
        })
        .await
    }

    /// An operator has deleted the failed event, `requeue` was interrupted, or failed events no longer hold.
    async fn let_go(
        &self,
        after: &mut Uuid,
        stop: &CancellationToken,
    ) -> Result<u64, DatabaseError> {
        let auctions = self
            .database
            .within(STATEMENT_WITHIN, async |conn| {
                Ok::<_, DatabaseError>(outbox::holding_after(conn, *after, AUCTIONS).await?)
            })
            .await?;
        let round_is_over = (auctions.len() as i64) < AUCTIONS;
        let last = auctions.last().map(|(auction_id, _)| *auction_id);
        let mut let_go = 0;
        for (auction_id, _) in auctions
            .into_iter()
            .filter(|(_, first_is_held)| *first_is_held || !self.hold_failed)
        {
            match self.let_go_of(auction_id, stop).await {
                Ok(events) => let_go += events,
                // Its turn comes again; the others' turn comes now.
                Err(error) => debug!(%error, auction = %auction_id, "letting go put off"),
            }
            if stop.is_cancelled() {
                return Ok(let_go);
            }
        }
        *after = last.filter(|_| !round_is_over).unwrap_or(Uuid::nil());
        Ok(let_go)
    }

    async fn let_go_of(
        &self,
        auction_id: Uuid,
        stop: &CancellationToken,
    ) -> Result<u64, DatabaseError> {
        in_chunks(stop, || async move {
            self.database
                .within(STATEMENT_WITHIN, async |conn| {
                    Ok(outbox::let_go(conn, auction_id, self.hold_failed, CHUNK).await?)
                })
                .await
        })
        .await
    }
}
