//! What is looked at while a run goes on: the tables, the processes, and whether what a fault held up has come.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use anyhow::Result;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    history::Event,
    run::{
        gauge::Gauge,
        heal::{CatchingUp, Heal},
        stage::Stage,
    },
};

const EVERY: Duration = Duration::from_millis(40);
/// Every so many counts a sample is kept.
const KEEP_EACH: u64 = 3;
/// Every so many counts the processes' own counters are read.
const METERS_EACH: u64 = 15;
/// Every so many counts the tables are read whole.
const SNAPSHOT_EACH: u64 = 40;
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Counts for ever. While the database is down there is nothing to count, and the last counts stand. Tables are read only
/// where they are small: those of a run that goes on for hours are looked at in its windows.
pub(super) async fn watch(
    stage: &Stage<'_>,
    gauge: watch::Sender<Gauge>,
    healed: watch::Receiver<Vec<Heal>>,
    made_good: watch::Sender<BTreeSet<usize>>,
    with_tables: bool,
) -> Result<Infallible> {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut catching_up = CatchingUp::new(healed, made_good);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut round = 0u64;
    loop {
        round += 1;
        tick.tick().await;
        stage.site.report_deaths().await;
        if round.is_multiple_of(METERS_EACH) {
            stage.adapter.meter(stage.site, &http).await;
        }
        let Ok(Ok(now)) = timeout(ANSWER_WITHIN, stage.adapter.gauge()).await else {
            continue;
        };
        let counts = now.counts;
        gauge.send_replace(now);
        // The database answered a moment ago; if it does not now, the next round asks again.
        let _ = timeout(ANSWER_WITHIN, catching_up.look(stage)).await;
        if round.is_multiple_of(KEEP_EACH) {
            stage.site.recorder.record(Event::Backlog {
                rows: (counts.waiting + counts.held).unsigned_abs(),
                processing: counts.held.unsigned_abs(),
            });
        }
        if with_tables
            && round.is_multiple_of(SNAPSHOT_EACH)
            && let Ok(Ok(snapshot)) = timeout(ANSWER_WITHIN, stage.adapter.look()).await
        {
            stage.site.recorder.record(Event::Snapshot(snapshot));
        }
    }
}
