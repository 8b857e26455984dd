//! The relay: claim → publish → mark, overlapped. While window *k* is being confirmed, window *k + 1* is being sent,
//! window *k + 2* claimed and window *k − 1* marked; each of the three stages reads from top to bottom below.
//!
//! What keeps events safe and in order:
//! - Only the owner of a lane claims from it, and it publishes what it claimed in claim order over one channel.
//! - An event is marked published only after its own confirm. A stale owner's marks do not stick (fencing token).
//! - A session ends at the first event that was not confirmed: what is on its way with it, two windows at most, is
//!   settled first, and everything claimed behind it is handed back and goes out again after it. What a new session
//!   sends again is a repetition, never an overtaking.
//! - No transaction is open while the broker is spoken to.

mod doorbell;
mod lease;
mod purge;
mod window;

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    broker::{Broker, Outage},
    database::{Database, DatabaseError},
    metrics::RelayMetrics,
    outbox::{self, Floor, RetryPolicy},
    publisher::Publisher,
    readiness::{Dependency, Readiness},
};
use doorbell::Doorbell;
use lease::Lease;
use window::{Sending, Settled, Window};

/// The pause after a window that was not full. A window costs a millisecond of processor time whatever is in it, so what
/// comes in quick succession goes out together; what comes alone finds the relay asleep and is claimed at once.
const GATHER: Duration = Duration::from_millis(3);
/// How long one statement may take before its connection is given up.
const STATEMENT_WITHIN: Duration = Duration::from_secs(5);
/// Windows on their way at once: one being confirmed, one being sent.
const WINDOWS_IN_FLIGHT: usize = 2;
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
    /// What happens to rejected events.
    pub retry: RetryPolicy,
    /// Whether an auction waits for its failed event (hold) or goes on without it (skip).
    pub hold_failed: bool,
    /// How long published events are kept.
    pub retention: Duration,
}

/// A relay process's parts.
pub struct Relay {
    id: Uuid,
    database: Database,
    broker: Broker,
    settings: RelaySettings,
    metrics: RelayMetrics,
    rabbitmq: Dependency,
    lease: Lease,
    doorbell: Doorbell,
}

/// Why a session ended.
enum SessionEnd {
    Stopped,
    /// An event was rejected: what was claimed behind it must wait.
    Rewind,
    LeaseLost,
    Broker(Outage),
    Database(DatabaseError),
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
        Self {
            id: Uuid::now_v7(),
            database,
            broker,
            settings,
            metrics,
            rabbitmq: readiness.depend_on("rabbitmq (relay)"),
            lease: Lease::default(),
            doorbell: Doorbell::default(),
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
            self.keep_lease(&over),
            self.listen(&over),
            self.purge_published(&stop),
        );
        self.leave().await;
        info!(relay = %self.id, "relay stopped");
    }

    async fn sessions(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        while !stop.is_cancelled() {
            let end = self.session(stop, &mut backoff).await;
            self.hand_back(stop).await;
            match end {
                SessionEnd::Stopped => return,
                // The next session declares the topology anew: the cure for a queue that vanished.
                SessionEnd::Rewind => {}
                SessionEnd::LeaseLost => warn!("lease lost; starting over with what is still ours"),
                SessionEnd::Broker(outage) => {
                    self.metrics.outages.inc();
                    self.rabbitmq.is_away(outage.to_string());
                    warn!(%outage, "broker outage; events wait");
                }
                SessionEnd::Database(error) => warn!(%error, "database outage; events wait"),
            }
            backoff.pause(stop).await;
        }
    }

    /// One connection to the broker, from opening it to the first thing that goes wrong.
    async fn session(&self, stop: &CancellationToken, backoff: &mut Backoff) -> SessionEnd {
        let connect = Publisher::connect(&self.broker, "relay", self.settings.confirm_within);
        let mut publisher = tokio::select! {
            connected = connect => match connected {
                Ok(publisher) => publisher,
                Err(outage) => return SessionEnd::Broker(outage),
            },
            () = stop.cancelled() => return SessionEnd::Stopped,
        };
        self.rabbitmq.is_ready();
        // Each stage holds one window, and one waits between each two: the bound on what is in flight.
        let (claimed, to_publish) = mpsc::channel(1);
        let (settled, to_mark) = mpsc::channel(1);
        let (claim_end, publish_end, mark_end) = tokio::join!(
            self.claim_windows(claimed, stop),
            self.publish_windows(to_publish, settled, &mut publisher, backoff),
            self.mark_windows(to_mark),
        );
        if timeout(LEAVE_WITHIN, publisher.close()).await.is_err() {
            warn!("broker did not answer the goodbye");
        }
        publish_end
            .or(mark_end)
            .or(claim_end)
            .unwrap_or(SessionEnd::Stopped)
    }

    /// Claim: ask for a window; when there is none, ask to be rung, look once more, and sleep.
    async fn claim_windows(
        &self,
        claimed: mpsc::Sender<Window>,
        stop: &CancellationToken,
    ) -> Option<SessionEnd> {
        let limit = i64::from(self.settings.window);
        let mut floor = Floor::default();
        loop {
            // A place in the pipeline first: what is claimed is published at once.
            let place = tokio::select! {
                place = claimed.reserve() => place.ok()?,
                () = stop.cancelled() => return Some(SessionEnd::Stopped),
            };
            let window = self
                .database
                .within(STATEMENT_WITHIN, async |conn| {
                    let hold = self.settings.hold_failed;
                    Ok(outbox::claim(conn, self.id, limit, hold, &mut floor).await?)
                })
                .await;
            let window = match window {
                Ok(window) => window,
                Err(error) => return Some(SessionEnd::Database(error)),
            };
            let full = window.len() as i64 == limit;
            if !window.is_empty() {
                self.metrics.batch_events.observe(window.len() as f64);
                place.send(window);
                if !full {
                    tokio::select! {
                        () = sleep(GATHER) => {}
                        () = claimed.closed() => return None,
                        () = stop.cancelled() => return Some(SessionEnd::Stopped),
                    }
                }
            } else if self.doorbell.is_wanted() {
                tokio::select! {
                    () = self.doorbell.rung(self.settings.poll) => {}
                    () = claimed.closed() => return None,
                    () = stop.cancelled() => return Some(SessionEnd::Stopped),
                }
                continue;
            }
            // Rung while there is little to do, left alone while there is much: a notification costs the writer.
            if let Err(error) = self.want_ring(!full).await {
                return Some(SessionEnd::Database(error));
            }
        }
    }

    /// Publish: send windows one behind the other, and learn each event's fate. The next window goes out while the one
    /// before is being confirmed, so that the broker is never without work.
    async fn publish_windows(
        &self,
        mut to_publish: mpsc::Receiver<Window>,
        settled: mpsc::Sender<Settled>,
        publisher: &mut Publisher,
        backoff: &mut Backoff,
    ) -> Option<SessionEnd> {
        let mut end = None;
        let mut sent = VecDeque::with_capacity(WINDOWS_IN_FLIGHT);
        loop {
            tokio::select! {
                biased;
                Some(window) = to_publish.recv(), if end.is_none() && sent.len() < WINDOWS_IN_FLIGHT => {
                    // A relay that was frozen past its lease must not send what another one owns by now.
                    if !self.lease.outlasts(self.settings.confirm_within) {
                        end = Some(SessionEnd::LeaseLost);
                        continue;
                    }
                    let (sending, messages) = Sending::encode(window);
                    publisher.send(messages).await;
                    sent.push_back(sending);
                }
                // Also after something went wrong: what is on its way is settled, and what was confirmed is marked.
                fates = publisher.settle(), if !sent.is_empty() => {
                    let sending: Sending = sent.pop_front()?;
                    self.metrics.confirm_seconds.observe(sending.elapsed().as_secs_f64());
                    let outcome = sending.settle(fates, &self.metrics);
                    let clean = outcome.is_clean();
                    settled.send(outcome).await.ok()?;
                    if let Some(outage) = publisher.outage() {
                        end.get_or_insert(SessionEnd::Broker(outage));
                    } else if !clean {
                        end.get_or_insert(SessionEnd::Rewind);
                    } else {
                        backoff.reset();
                    }
                }
                else => return end,
            }
        }
    }

    /// Mark: write a window's fates back in one statement each, for as long as the lease gives us the right to.
    async fn mark_windows(&self, mut to_mark: mpsc::Receiver<Settled>) -> Option<SessionEnd> {
        while let Some(outcome) = to_mark.recv().await {
            let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
            while let Err(error) = self.write_back(&outcome).await {
                if !self.lease.outlasts(Duration::ZERO) {
                    return Some(SessionEnd::Database(error));
                }
                sleep(backoff.next()).await;
            }
        }
        None
    }

    async fn write_back(&self, outcome: &Settled) -> Result<(), DatabaseError> {
        let (marked, failed) = self
            .database
            .within(STATEMENT_WITHIN, async |conn| {
                let marked = match outcome.confirmed.as_slice() {
                    [] => 0,
                    events => outbox::mark_published(conn, events).await?,
                };
                let failed = match outcome.rejected.as_slice() {
                    [] => 0,
                    rejections => outbox::reject(conn, rejections, self.settings.retry).await?,
                };
                Ok::<_, DatabaseError>((marked, failed))
            })
            .await?;
        let stale = outcome.confirmed.len() as u64 - marked;
        if stale > 0 {
            warn!(
                stale,
                "confirmed events were no longer ours to mark; they go out again"
            );
        }
        for rejection in &outcome.rejected {
            warn!(event = %rejection.event.id, auction = %rejection.event.auction_id, reason = rejection.reason, "event rejected");
        }
        let metrics = &self.metrics;
        metrics.published.inc_by(marked);
        metrics.lease_conflicts.inc_by(stale);
        metrics.failed.inc_by(failed);
        metrics
            .retried
            .inc_by(outcome.rejected.len() as u64 - failed);
        Ok(())
    }

    /// Hands back what a session had claimed and not settled, and comes to no end before it has: were the next session to
    /// claim past it, later bids would overtake. Left to the lease only when the relay stops.
    async fn hand_back(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        loop {
            let released = self
                .database
                .within(STATEMENT_WITHIN, async |conn| {
                    Ok::<_, DatabaseError>(outbox::release(conn, self.id).await?)
                })
                .await;
            match released {
                Ok(0) => return,
                Ok(released) => return info!(released, "claimed events handed back"),
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
                Ok::<_, DatabaseError>(outbox::lanes::leave(conn, self.id).await?)
            })
            .await;
        if let Err(error) = left {
            warn!(%error, "lanes not given up; they are free when the lease runs out");
        }
    }
}
