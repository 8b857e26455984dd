//! A session: one connection to the broker, from opening it to the first thing that goes wrong. Three stages, each of which
//! reads from top to bottom below.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::BoxStream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Relay, STATEMENT_WITHIN,
    window::{Refusal, Sending, Settled, Window},
};
use crate::{
    backoff::Backoff,
    broker::Outage,
    database::DatabaseError,
    outbox::{self, Claim, Frontier},
    publisher::Publisher,
};

/// The pause after a window that was not full. A window costs a millisecond of processor time whatever is in it, so what
/// comes in quick succession goes out together; what comes alone finds the relay asleep and is claimed at once.
const GATHER: Duration = Duration::from_millis(3);
/// Windows on their way at once: one being confirmed, one being sent.
const WINDOWS_IN_FLIGHT: usize = 2;
/// Windows in this relay's hands, at most: two in flight, and one in each other stage and between each two.
const IN_HANDS: u32 = 6;

/// Why a session ended.
pub(super) enum SessionEnd {
    Stopped,
    /// No message can be made of an event: what was claimed behind it must wait until it has failed.
    Rewind,
    /// The broker would not take an event.
    Refused(Refusal),
    LeaseLost,
    Broker(Outage),
    Database(DatabaseError),
}

/// A session of a relay.
pub(super) struct Session<'r> {
    relay: &'r Relay,
    stop: &'r CancellationToken,
    /// The broker has refused an event: one is tried alone before the others follow.
    careful: bool,
    in_hands: Arc<Semaphore>,
    went_well: AtomicBool,
    /// The broker takes nothing now.
    blocked: AtomicBool,
}

impl<'r> Session<'r> {
    /// Nothing is opened yet.
    pub fn new(relay: &'r Relay, stop: &'r CancellationToken, careful: bool) -> Self {
        Self {
            relay,
            stop,
            careful,
            in_hands: Arc::new(Semaphore::new(IN_HANDS as usize)),
            went_well: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
        }
    }

    /// Whether some window was confirmed, all of it.
    pub fn went_well(&self) -> bool {
        self.went_well.load(Relaxed)
    }

    /// Runs until something goes wrong, or the relay stops.
    pub async fn run(&self) -> SessionEnd {
        let Relay {
            broker, settings, ..
        } = self.relay;
        let patience = settings.confirm_within;
        let connect = Publisher::connect(broker, "relay", patience, self.stop.clone());
        let mut publisher = tokio::select! {
            connected = connect => match connected {
                Ok(publisher) => publisher,
                Err(outage) => return SessionEnd::Broker(outage),
            },
            () = self.stop.cancelled() => return SessionEnd::Stopped,
        };
        if !self.careful {
            self.relay.rabbitmq.up();
        }
        // Each stage holds one window, and one waits between each two: the bound on what is in flight.
        let (claimed, to_publish) = mpsc::channel(1);
        let (settled, to_mark) = mpsc::channel(1);
        let alarms = self.heed(publisher.alarms());
        let stages = async {
            tokio::join!(
                self.claim_windows(claimed),
                self.publish_windows(to_publish, settled, &mut publisher),
                self.mark_windows(to_mark),
            )
        };
        let (claim_end, publish_end, mark_end) = tokio::select! {
            ends = stages => ends,
            never = alarms => match never {},
        };
        publisher.close().await;
        publish_end
            .or(mark_end)
            .or(claim_end)
            .unwrap_or(SessionEnd::Stopped)
    }

    /// While the broker takes nothing, this relay is not ready, and says why.
    async fn heed(&self, mut alarms: BoxStream<'static, Option<String>>) -> Infallible {
        while let Some(alarm) = alarms.next().await {
            self.blocked.store(alarm.is_some(), Relaxed);
            match alarm {
                Some(why) => {
                    warn!(why, "RabbitMQ has blocked publishing; events wait");
                    let away = format!("RabbitMQ has blocked publishing: {why}");
                    self.relay.rabbitmq.down(away);
                }
                None => {
                    info!("RabbitMQ takes messages again");
                    self.relay.rabbitmq.up();
                }
            }
        }
        pending().await
    }

    /// Nothing stands in the way of events, unless an alarm does.
    fn goes_on(&self) {
        if !self.blocked.load(Relaxed) {
            self.relay.rabbitmq.up();
        }
    }

    /// Claim: ask for a window; when there is none, ask to be rung, look once more, and sleep.
    async fn claim_windows(&self, claimed: mpsc::Sender<Window>) -> Option<SessionEnd> {
        let Relay {
            settings,
            metrics,
            doorbell,
            ..
        } = self.relay;
        let mut frontier = Frontier::default();
        let mut careful = self.careful;
        loop {
            // A place in the pipeline first: what is claimed is published at once.
            let place = tokio::select! {
                place = claimed.reserve() => place.ok()?,
                () = self.stop.cancelled() => return Some(SessionEnd::Stopped),
            };
            let in_hands = self.in_hands.clone().acquire_owned().await.ok()?;
            let limit = if careful { 1 } else { settings.window };
            let claim = match self.claim(&mut frontier, limit).await {
                Ok(claim) => claim,
                Err(error) => return Some(SessionEnd::Database(error)),
            };
            if !claim.events.is_empty() {
                metrics.batch_events.observe(claim.events.len() as f64);
                place.send(Window {
                    events: claim.events,
                    suspect: claim.suspect,
                    in_hands,
                });
                let next = async {
                    if claim.wait || careful {
                        drop(self.all_written_back().await);
                    } else if !claim.more {
                        sleep(GATHER).await;
                    }
                };
                tokio::select! {
                    biased;
                    () = claimed.closed() => return None,
                    () = self.stop.cancelled() => return Some(SessionEnd::Stopped),
                    () = next => careful = false,
                }
            } else if claim.more {
                continue;
            } else if doorbell.is_wanted() {
                drop(in_hands);
                // Nothing waits, here or there, that could be refused again.
                if self.in_hands.available_permits() == IN_HANDS as usize {
                    self.goes_on();
                }
                tokio::select! {
                    () = doorbell.rung(settings.poll) => {}
                    () = claimed.closed() => return None,
                    () = self.stop.cancelled() => return Some(SessionEnd::Stopped),
                }
                continue;
            }
            // Rung while there is little to do, left alone while there is much: a notification costs the writer.
            if let Err(error) = doorbell.want(!claim.more).await {
                return Some(SessionEnd::Database(error));
            }
        }
    }

    async fn claim(&self, frontier: &mut Frontier, limit: u32) -> Result<Claim, DatabaseError> {
        let Relay {
            id,
            database,
            settings,
            lease,
            ..
        } = self.relay;
        frontier.own(&lease.held());
        database
            .within(STATEMENT_WITHIN, async |conn| {
                let limits = (settings.window.into(), limit.into());
                let claim = outbox::claim(conn, *id, limits, settings.claims(), frontier);
                Ok(claim.await?)
            })
            .await
    }

    /// Until nothing is in this relay's hands.
    async fn all_written_back(&self) -> Option<OwnedSemaphorePermit> {
        self.in_hands
            .clone()
            .acquire_many_owned(IN_HANDS)
            .await
            .ok()
    }

    /// Publish: send windows one behind the other, and learn each event's fate. The next window goes out while the one
    /// before is being confirmed, so that the broker is never without work.
    async fn publish_windows(
        &self,
        mut to_publish: mpsc::Receiver<Window>,
        settled: mpsc::Sender<Settled>,
        publisher: &mut Publisher,
    ) -> Option<SessionEnd> {
        let Relay {
            settings,
            metrics,
            lease,
            ..
        } = self.relay;
        let mut end = None;
        let mut sent = VecDeque::with_capacity(WINDOWS_IN_FLIGHT);
        loop {
            if end.is_some() {
                // Claims nothing more; what waits here is handed back.
                to_publish.close();
            }
            tokio::select! {
                biased;
                Some(window) = to_publish.recv(), if end.is_none() && sent.len() < WINDOWS_IN_FLIGHT => {
                    // A relay that was frozen past its lease must not send what another one owns by now.
                    if !lease.outlasts(settings.confirm_within) {
                        end = Some(SessionEnd::LeaseLost);
                        continue;
                    }
                    let suspect = window.suspect;
                    let (sending, messages) = Sending::encode(window, &self.relay.broker.exchange);
                    if suspect && let Err(error) = self.acquit(&sending).await {
                        end = Some(SessionEnd::Database(error));
                        continue;
                    }
                    if sending.leaves_some_behind() {
                        end = Some(SessionEnd::Rewind);
                    }
                    publisher.send(messages).await;
                    sent.push_back(sending);
                }
                // Also after something went wrong: what is on its way is settled, and what was confirmed is marked.
                fates = publisher.fates(), if !sent.is_empty() => {
                    let sending: Sending = sent.pop_front()?;
                    metrics.confirm_seconds.observe(sending.elapsed().as_secs_f64());
                    let outcome = sending.settle(fates, metrics);
                    if let Some(outage) = publisher.outage() {
                        end = Some(SessionEnd::Broker(outage));
                    } else if let Some(refusal) = outcome.refusal {
                        end = Some(SessionEnd::Refused(refusal));
                    } else if outcome.is_clean() {
                        self.went_well.store(true, Relaxed);
                        self.goes_on();
                    } else {
                        end.get_or_insert(SessionEnd::Rewind);
                    }
                    if end.is_some() {
                        to_publish.close();
                    }
                    settled.send(outcome).await.ok()?;
                }
                else => return end,
            }
        }
    }

    /// A message could be made of a suspect, and this relay is still there: whatever ended the others, it was not the event.
    async fn acquit(&self, sending: &Sending) -> Result<(), DatabaseError> {
        let Some(event) = sending.first() else {
            return Ok(());
        };
        self.relay
            .database
            .within(STATEMENT_WITHIN, async |conn| {
                // If it is no longer ours, its mark will not be, either.
                let _ours = outbox::acquit(conn, event).await?;
                Ok(())
            })
            .await
    }

    /// Mark: write a window's fates back in one statement each, for as long as the lease gives us the right to.
    async fn mark_windows(&self, mut to_mark: mpsc::Receiver<Settled>) -> Option<SessionEnd> {
        while let Some(outcome) = to_mark.recv().await {
            let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
            let mut again = false;
            while let Err(error) = self.write_back(&outcome, again).await {
                if !self.relay.lease.outlasts(Duration::ZERO) {
                    return Some(SessionEnd::Database(error));
                }
                again = true;
                sleep(backoff.next()).await;
            }
        }
        None
    }

    async fn write_back(&self, outcome: &Settled, again: bool) -> Result<(), DatabaseError> {
        let (marked, failed) = self
            .relay
            .database
            .within(STATEMENT_WITHIN, async |conn| {
                let marked = match outcome.confirmed.as_slice() {
                    [] => outbox::Marked::default(),
                    events => outbox::mark_published(conn, events, again).await?,
                };
                let failed = match outcome.undecodable.as_slice() {
                    [] => 0,
                    undecodable => outbox::fail(conn, undecodable).await?,
                };
                Ok::<_, DatabaseError>((marked, failed))
            })
            .await?;
        if marked.stale > 0 {
            warn!(
                events = marked.stale,
                "confirmed events were no longer ours to mark; they go out again"
            );
        }
        for bad in &outcome.undecodable {
            let (event, auction) = (bad.event.id, bad.event.auction_id);
            let trace_id = bad.event.trace_id();
            error!(%event, %auction, trace_id, reason = bad.reason, "event failed: no message can be made of it");
        }
        let metrics = &self.relay.metrics;
        metrics.published.inc_by(marked.published);
        metrics.lease_conflicts.inc_by(marked.stale);
        metrics.failed.inc_by(failed);
        Ok(())
    }
}
