//! The end of a run: what the API shows when nothing moves, and the last look.
//!
//! When the last look is taken, nobody is left who could change what it sees: writers and relays have stopped, the
//! consumer's queue is empty and stays empty without consumers, and the lab's own message has come out of the exchange
//! behind everything that was ever published.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, timeout};

use super::{adapter::Readers, reach::Reach, stage::Stage};
use crate::{ask::scenario::Scenario, history::Snapshot};

pub(super) const FENCE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_WITHIN: Duration = Duration::from_secs(20);

/// What the API shows when all is quiet may take so long to be read: a follower gives up a connection that was lost without a
/// word, and takes its feed up again.
const SHOWN_WITHIN: Duration = Duration::from_secs(20);
/// And so much longer for each request that there was: lists have pages.
const SHOWN_WITHIN_EACH: Duration = Duration::from_millis(5);

/// What the API shows, once nothing moves.
pub(super) async fn read(stage: &Stage<'_>, reach: &Reach, readers: &mut Readers) -> Result<()> {
    let asked = u32::try_from(stage.adapter.steps().len()).unwrap_or(u32::MAX);
    let until = Instant::now() + SHOWN_WITHIN + SHOWN_WITHIN_EACH * asked;
    let apis = stage.site.system.apis();
    stage
        .adapter
        .read(readers, &apis, reach, stage.site.recorder, until)
        .await
}

/// Brings a run to rest and takes the last look. Of a run that did not recover nothing more is owed; what it left lying is
/// its `recovery` finding's.
pub(super) async fn last_look(
    stage: &Stage<'_>,
    scenario: &Scenario,
    recovered: bool,
) -> Result<Snapshot> {
    let rest = stage.adapter.come_to_rest(stage.site, scenario, recovered);
    let rest = rest.await?;
    stage.site.report_deaths().await;
    stage.adapter.report_panics(stage.site)?;
    stage
        .adapter
        .fence(stage.site, FENCE_WITHIN)
        .await
        .context("the lab's last message did not come out of the exchange")?;
    let mut last = at_rest(stage).await?;
    last.redelivered_to_consumer = rest.redelivered_to_consumer;
    Ok(last)
}

/// What the tables show when nothing moves, as the last that is seen of them.
pub(super) async fn at_rest(stage: &Stage<'_>) -> Result<Snapshot> {
    let looked = timeout(LOOK_WITHIN, stage.adapter.look()).await;
    let mut last = looked
        .with_context(|| format!("a look at the tables took longer than {LOOK_WITHIN:?}"))??;
    last.last = true;
    last.dead_letters = stage.adapter.dead_letters(stage.site).await?;
    Ok(last)
}
