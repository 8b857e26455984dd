//! What is known of a run while it goes on: counted all the time, kept in the history, and waited on by faults.

use std::{fmt, time::Duration};

use anyhow::Result;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Stage, meters,
    recovery::{CatchingUp, Heal},
};
use crate::{
    fault::Quantity,
    history::Event,
    observer::{self, Counts},
};

const EVERY: Duration = Duration::from_millis(40);
/// Every so many counts a sample is kept.
const KEEP_EACH: u64 = 3;
/// Every so many counts the processes' own counters are read.
const METERS_EACH: u64 = 15;
/// Every so many counts the tables are read whole.
const SNAPSHOT_EACH: u64 = 40;
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The last counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauge {
    /// By the database.
    pub counts: Counts,
    /// Deliveries at the witness.
    pub deliveries: u64,
    /// Different messages at the witness.
    pub messages: u64,
}

impl Gauge {
    /// How much there is of a quantity.
    pub fn of(&self, quantity: Quantity) -> u64 {
        let count = match quantity {
            Quantity::BidsStored => self.counts.bids,
            Quantity::EventsPending => self.counts.pending,
            Quantity::EventsProcessing => self.counts.processing,
            Quantity::EventsPublished => self.counts.published,
            Quantity::BidsApplied => self.counts.applied,
            Quantity::MessagesDelivered => return self.deliveries,
        };
        count.unsigned_abs()
    }

    /// Nothing waits and nothing is under way: every event is published, or given up, or behind one that was; every
    /// message was seen by the witness and received by the consumer, and nothing is parked but behind one given up.
    pub fn is_quiet(&self) -> bool {
        let counts = self.counts;
        let received = counts.applied + counts.parked;
        counts.pending == counts.held
            && counts.processing + counts.open_transactions == 0
            && (counts.parked == 0 || counts.failed > 0)
            && received >= counts.published
            && self.messages >= received.unsigned_abs()
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        write!(
            f,
            "{} bids; events: {} pending ({} behind one given up), {} processing, {} published, {} failed; {} messages at the witness; \
             {} applied, {} parked; {} open transactions",
            counts.bids,
            counts.pending,
            counts.held,
            counts.processing,
            counts.published,
            counts.failed,
            self.messages,
            counts.applied,
            counts.parked,
            counts.open_transactions
        )
    }
}

/// Counts for ever. While the database is down there is nothing to count, and the last counts stand.
pub(super) async fn watch(
    stage: &Stage<'_>,
    gauge: watch::Sender<Gauge>,
    healed: watch::Receiver<Vec<Heal>>,
) -> Result<()> {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut catching_up = CatchingUp::new(healed);
    let http = reqwest::Client::builder().no_proxy().build()?;
    for round in 0u64.. {
        tick.tick().await;
        stage.report_deaths().await;
        if round % METERS_EACH == METERS_EACH - 1 {
            meters::read(stage, &http).await;
        }
        let Ok(Ok(counts)) = timeout(ANSWER_WITHIN, observer::count(stage.pool)).await else {
            continue;
        };
        gauge.send_replace(Gauge {
            counts,
            deliveries: stage.witness.deliveries(),
            messages: stage.witness.messages(),
        });
        // The database answered a moment ago; if it does not now, the next round asks again.
        let _ = timeout(ANSWER_WITHIN, catching_up.look(stage)).await;
        if round % KEEP_EACH == 0 {
            stage.recorder.record(Event::Backlog {
                rows: (counts.pending + counts.processing).unsigned_abs(),
                processing: counts.processing.unsigned_abs(),
            });
        }
        if round % SNAPSHOT_EACH == SNAPSHOT_EACH - 1
            && let Ok(Ok(snapshot)) = timeout(ANSWER_WITHIN, observer::snapshot(stage.pool)).await
        {
            stage.recorder.record(Event::Snapshot(snapshot));
        }
    }
    Ok(())
}
