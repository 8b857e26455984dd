//! The relay: claim → publish → mark, overlapped. While window *k* is being confirmed, window *k + 1* is being sent,
//! window *k + 2* claimed and window *k − 1* marked; see [`session`].
//!
//! What keeps events safe and in order:
//! - Only the owner of a lane claims from it, and it publishes what it claimed in claim order over one channel.
//! - An event is marked published only after its own confirm. A stale owner's marks do not stick (fencing token).
//! - A session ends at the first event that was not confirmed: what is on its way with it, two windows at most, is
//!   settled first, and everything claimed behind it is handed back and goes out again after it. What a new session
//!   sends again is a repetition, never an overtaking.
//! - What is handed back comes under new tokens first: a statement of the old session that is carried out late changes
//!   nothing.
//! - What the broker will not take waits, whatever it is and however long; an event fails for what it is itself.
//! - No transaction is open while the broker is spoken to.

mod doorbell;
mod keeper;
mod lease;
mod purger;
mod session;
mod window;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    broker::Broker,
    database::{Database, DatabaseError},
    metrics::RelayMetrics,
    outbox::{ClaimPolicy, lanes},
    readiness::{Dependency, Readiness},
};
use doorbell::Doorbell;
use keeper::LeaseKeeper;
use lease::Lease;
use purger::Purger;
use session::{Session, SessionEnd};

/// How long one statement may take before its connection is given up.
pub const STATEMENT_WITHIN: Duration = Duration::from_secs(5);
/// How long handing everything back may take at the end.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// How a relay works.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// Events in one window. Two are on their way at once, and may be published again after a crash; larger ones cost less.
    pub window: u32,
    /// How long a lane stays with a relay that shows no sign of life: longer than any pause that is not a death.
    pub lease: Duration,
    /// How often to look without being rung: what a lost notification costs.
    pub poll: Duration,
    /// How long the broker may be silent while a window waits for its confirms: at most half the lease.
    pub confirm_within: Duration,
    /// The pause when the broker would not take an event: the first one, and the longest; doubling in between.
    pub refused_pause: (Duration, Duration),
    /// So many relays may end before they have sent an event that they had claimed; then it is given up.
    pub max_attempts: i32,
    /// Whether an auction waits for its failed event (hold) or goes on without it (skip).
    pub hold_failed: bool,
    /// How long published events are kept.
    pub retention: Duration,
}

impl RelaySettings {
    fn claims(&self) -> ClaimPolicy {
        ClaimPolicy {
            hold_failed: self.hold_failed,
            suspect_from: (self.max_attempts / 2).max(1),
        }
    }
}

/// A relay process's parts.
pub struct Relay {
    id: Uuid,
    database: Database,
    broker: Broker,
    settings: RelaySettings,
    metrics: RelayMetrics,
    rabbitmq: Dependency,
    lease: Arc<Lease>,
    doorbell: Arc<Doorbell>,
    keeper: LeaseKeeper,
    purger: Purger,
}

impl Relay {
    /// Puts a relay together; nothing is contacted yet.
    pub fn new(
        database: Database,
        broker: Broker,
        settings: RelaySettings,
        metrics: RelayMetrics,
        readiness: &Readiness,
    ) -> Self {
        let id = Uuid::now_v7();
        let lease = Arc::new(Lease::default());
        let doorbell = Arc::new(Doorbell::new(id, database.clone(), lease.clone()));
        Self {
            id,
            keeper: LeaseKeeper {
                relay: id,
                database: database.clone(),
                lease: lease.clone(),
                doorbell: doorbell.clone(),
                metrics: metrics.clone(),
                lanes: readiness.depend_on("lanes (relay)"),
                span: settings.lease,
                max_attempts: settings.max_attempts,
            },
            purger: Purger::new(database.clone(), settings.retention, settings.hold_failed),
            database,
            broker,
            settings,
            metrics,
            rabbitmq: readiness.depend_on("rabbitmq (relay)"),
            lease,
            doorbell,
        }
    }

    /// Relays events until `stop`, then finishes the window in flight and hands everything else back.
    pub async fn run(self, stop: CancellationToken) {
        info!(relay = %self.id, "relay starts");
        // The keeper outlives the sessions: what is in flight at `stop` is still marked under a living lease.
        let over = CancellationToken::new();
        let sessions = async {
            self.sessions(&stop).await;
            over.cancel();
        };
        tokio::join!(
            sessions,
            self.keeper.run(&over),
            self.doorbell.listen(&over),
            self.purger.run(&stop),
        );
        self.leave().await;
        info!(relay = %self.id, "relay stopped");
    }

    async fn sessions(&self, stop: &CancellationToken) {
        let mut outages = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let (first, longest) = self.settings.refused_pause;
        let mut refusals = Backoff::new(first, longest);
        let mut refused = false;
        while !stop.is_cancelled() {
            let session = Session::new(self, stop, refused);
            let end = session.run().await;
            self.hand_back(stop).await;
            if session.went_well() {
                outages.reset();
                refusals.reset();
            }
            refused = matches!(end, SessionEnd::Refused(_));
            match end {
                SessionEnd::Stopped => return,
                SessionEnd::Rewind => continue,
                SessionEnd::Refused(refusal) => {
                    self.rabbitmq.down(refusal.to_string());
                    warn!(%refusal, "events wait");
                    refusals.pause(stop).await;
                    continue;
                }
                SessionEnd::LeaseLost => warn!("lease lost; starting over with what is still ours"),
                SessionEnd::Broker(outage) => {
                    self.metrics.outages.inc();
                    self.rabbitmq.down(outage.to_string());
                    warn!(%outage, "broker outage; events wait");
                }
                SessionEnd::Database(error) => warn!(%error, "database outage; events wait"),
            }
            outages.pause(stop).await;
        }
    }

    /// Hands back what a session had claimed and not settled, and comes to no end before it has: were the next session to
    /// claim past it, later bids would overtake. Left to the lease only when the relay stops.
    async fn hand_back(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        loop {
            let rewound = self
                .database
                .within(STATEMENT_WITHIN, async |conn| {
                    Ok::<_, DatabaseError>(lanes::rewind(conn, self.id).await?)
                })
                .await;
            match rewound {
                Ok(rewound) => {
                    self.lease.rewound(&rewound.held);
                    self.metrics.handed_back.inc_by(rewound.handed_back);
                    if rewound.handed_back > 0 {
                        info!(events = rewound.handed_back, "claimed events handed back");
                    }
                    return;
                }
                Err(error) => warn!(%error, "claimed events not handed back yet"),
            }
            if stop.is_cancelled() {
                return;
            }
            backoff.pause(stop).await;
        }
    }

    async fn leave(&self) {
        let left = self
            .database
            .within(LEAVE_WITHIN, async |conn| {
                Ok::<_, DatabaseError>(lanes::leave(conn, self.id).await?)
            })
            .await;
        if let Err(error) = left {
            warn!(%error, "lanes not given up; they are free when the lease runs out");
        }
    }
}
