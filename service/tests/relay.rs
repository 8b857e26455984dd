//! A relay as the database sees it: a connection, lanes, and where it looks.

use std::time::Duration;

use anyhow::{Result, ensure};
use outbox_service::outbox::{
    self, Claim, ClaimPolicy, ClaimedEvent, Frontier,
    lanes::{self, Beat, Rewound},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::site::Site;

pub const MAX_ATTEMPTS: i32 = 10;
pub const HOLD: ClaimPolicy = ClaimPolicy {
    hold_failed: true,
    suspect_from: MAX_ATTEMPTS / 2,
};
pub const SKIP: ClaimPolicy = ClaimPolicy {
    hold_failed: false,
    ..HOLD
};

/// A relay without a broker.
pub struct Relay {
    pub id: Uuid,
    pub connection: PgConnection,
    pub frontier: Frontier,
    pub policy: ClaimPolicy,
}

impl Relay {
    /// One that owns every free lane up to its share.
    pub async fn start(site: &Site) -> Result<Self> {
        let mut relay = Self {
            id: Uuid::now_v7(),
            connection: site.tuned().await?,
            frontier: Frontier::default(),
            policy: HOLD,
        };
        relay.beat(Duration::from_secs(60)).await?;
        Ok(relay)
    }

    pub async fn beat(&mut self, lease: Duration) -> Result<Beat> {
        let beat = lanes::beat(&mut self.connection, self.id, lease, false, MAX_ATTEMPTS).await?;
        self.frontier.own(&beat.held);
        Ok(beat)
    }

    pub async fn claim(&mut self, limit: i64) -> Result<Claim> {
        let frontier = &mut self.frontier;
        Ok(outbox::claim(
            &mut self.connection,
            self.id,
            (limit, limit),
            self.policy,
            frontier,
        )
        .await?)
    }

    /// Claims and marks until nothing more is there. Says what, in order.
    pub async fn drain(&mut self) -> Result<Vec<ClaimedEvent>> {
        let mut drained = Vec::new();
        loop {
            let claim = self.claim(500).await?;
            if !claim.events.is_empty() {
                let marked = outbox::mark_published(&mut self.connection, &claim.events, false);
                ensure!(marked.await?.stale == 0, "marks went missing");
            } else if !claim.more {
                return Ok(drained);
            }
            drained.extend(claim.events);
        }
    }

    /// Ends a session: everything is handed back, and the next one begins at the beginning.
    pub async fn rewind(&mut self) -> Result<Rewound> {
        let rewound = lanes::rewind(&mut self.connection, self.id).await?;
        self.frontier = Frontier::default();
        self.frontier.own(&rewound.held);
        Ok(rewound)
    }

    /// The relay dies: its lease ends here and now.
    pub async fn die(self, pool: &PgPool) -> Result<()> {
        sqlx::query("UPDATE relay_lanes SET lease_until = clock_timestamp() - interval '1 s' WHERE owner = $1")
            .bind(self.id)
            .execute(pool)
            .await?;
        sqlx::query("DELETE FROM relays WHERE relay_id = $1")
            .bind(self.id)
            .execute(pool)
            .await?;
        Ok(())
    }
}

/// The places of one auction's events, in the order in which they were claimed.
pub fn places(events: &[ClaimedEvent], auction_id: Uuid) -> Vec<i64> {
    events
        .iter()
        .filter(|event| event.auction_id == auction_id)
        .map(|event| event.sequence)
        .collect()
}
