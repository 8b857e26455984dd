//! What is known of a run while it goes on: counted all the time, kept in the history, and waited on by faults.

use std::{collections::HashSet, fmt, time::Duration};

use anyhow::Result;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::Stage;
use crate::{
    fault::{Action, Fault, Quantity, Target},
    history::Event,
    observer::{self, Counts},
};

const EVERY: Duration = Duration::from_millis(40);
/// Every so many counts a sample is kept.
const KEEP_EACH: u64 = 3;
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

    /// Nothing waits, nothing is under way: every event is published or failed, every published one was seen by the
    /// witness and applied by the consumer.
    pub fn is_quiet(&self) -> bool {
        let counts = self.counts;
        counts.pending + counts.processing + counts.open_transactions == 0
            && counts.applied == counts.published
            && self.messages >= counts.published.unsigned_abs()
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        write!(
            f,
            "{} bids; events: {} pending, {} processing, {} published, {} failed; {} messages at the witness; \
             {} applied, {} parked; {} open transactions",
            counts.bids,
            counts.pending,
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
    faults: &[Fault],
) -> Result<()> {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut dead = HashSet::new();
    for round in 0u64.. {
        tick.tick().await;
        report_the_dead(stage, faults, &mut dead).await;
        let Ok(Ok(counts)) = timeout(ANSWER_WITHIN, observer::count(stage.pool)).await else {
            continue;
        };
        gauge.send_replace(Gauge {
            counts,
            deliveries: stage.witness.deliveries(),
            messages: stage.witness.messages(),
        });
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

/// A process that no fault was to end must not end.
async fn report_the_dead(stage: &Stage<'_>, faults: &[Fault], dead: &mut HashSet<String>) {
    for member in stage.system.members() {
        let may_end = faults.iter().any(|fault| {
            matches!(&fault.target, Target::Process(party) if party.includes(member.role, member.number))
                && matches!(fault.action, Action::Kill | Action::Terminate)
        });
        if may_end || dead.contains(&member.name()) {
            continue;
        }
        if let Some(status) = member.ended().await {
            dead.insert(member.name());
            stage.recorder.record(Event::Died {
                process: member.name(),
                status: status.to_string(),
            });
        }
    }
}
