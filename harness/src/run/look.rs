//! The end of a run: what the API shows when nothing moves, and the last look.
//!
//! When the last look is taken, nobody is left who could change what it sees: writers and relays have stopped, the
//! consumer's queue is empty and stays empty without consumers, and the lab's own message has come out of the exchange
//! behind everything that was ever published.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    client::{Clients, Followers},
    desk::Desk,
    meters,
    reach::Reach,
    stage::Stage,
    topology::{DEAD, QUEUE},
    workload::Plan,
};
use crate::{
    ask::fault::Role,
    ask::scenario::Scenario,
    history::{Event, Snapshot},
    run::observer,
};

/// How long the consumers may take for what is left in their queue.
const EMPTY_WITHIN: Duration = Duration::from_secs(5);
/// How long the broker may take to put back what stopped consumers had in their hands.
const BACK_WITHIN: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// How often the consumers are given another chance at what they left unacknowledged when they stopped.
const CHANCES: usize = 3;
/// The broker's statistics are a second old, more on a busy machine.
const STATISTICS_WITHIN: Duration = Duration::from_secs(5);
const FENCE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_WITHIN: Duration = Duration::from_secs(20);

/// What the API shows when all is quiet may take so long to be read: a follower gives up a connection that was lost without a
/// word, and takes its feed up again.
const SHOWN_WITHIN: Duration = Duration::from_secs(20);

/// What the API shows, once nothing moves: each bid list to its end, and what followers are still to be shown.
pub(super) async fn read(
    stage: &Stage<'_>,
    clients: &Clients,
    plan: &Plan,
    reach: &Reach,
    followers: &mut Followers,
) -> Result<()> {
    let places = observer::places(stage.pool).await?;
    let auctions: Vec<Uuid> = plan.taking().chain([plan.closed]).collect();
    let until = Instant::now() + SHOWN_WITHIN;
    tokio::join!(
        clients.list(&auctions, &reach.apis, until),
        followers.caught_up(&places, until)
    );
    Ok(())
}

/// Brings a run to rest and takes the last look. Of a run that did not recover nothing more is owed; what it left lying is
/// its `recovery` finding's.
pub(super) async fn last_look(
    stage: &Stage<'_>,
    scenario: &Scenario,
    recovered: bool,
) -> Result<Snapshot> {
    // The broker counts by connections, and forgets what one did last when it ends.
    let redelivered = redelivered(stage, scenario).await?;
    let desk = Desk::open(&stage.servers.amqp_url()).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    meters::read(stage, &http).await;
    stage.system.stop(&[Role::Api, Role::Relay]).await;
    if recovered && consumes(stage).await {
        empty(stage, &desk).await?;
    } else {
        stage.system.stop(&[Role::Consumer]).await;
    }
    stage.report_deaths().await;
    desk.fence().await?;
    stage
        .witness
        .fenced(FENCE_WITHIN)
        .await
        .context("the lab's last message did not come out of the exchange")?;
    let mut last = timeout(LOOK_WITHIN, observer::snapshot(stage.pool))
        .await
        .with_context(|| {
            format!("the last look at the tables took longer than {LOOK_WITHIN:?}")
        })??;
    last.last = true;
    last.redelivered_to_consumer = redelivered;
    last.dead_letters = desk.waiting(DEAD).await?;
    Ok(last)
}

/// The broker's own count of repeated deliveries. It counts once a second, so where a scenario asks for them, they are
/// waited for.
async fn redelivered(stage: &Stage<'_>, scenario: &Scenario) -> Result<u64> {
    let fact = "redelivered_to_consumer";
    let asked: Vec<_> = [&scenario.bites, &scenario.expect.facts]
        .into_iter()
        .filter_map(|conditions| conditions.get(fact))
        .collect();
    let deadline = Instant::now() + STATISTICS_WITHIN;
    loop {
        let count = stage.servers.redelivered_to_consumer().await?;
        if asked.iter().all(|asked| asked.holds(count)) || Instant::now() > deadline {
            return Ok(count);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn consumes(stage: &Stage<'_>) -> bool {
    for member in stage.system.members() {
        if member.plays(Role::Consumer) && !member.is_taken_away().await {
            return true;
        }
    }
    false
}

/// Waits until the consumers have emptied their queue, and stops them. What they had in their hands and did not acknowledge
/// comes back then: a copy that came just before is legal, so they get another chance, and one that comes back each time
/// was never acknowledged.
async fn empty(stage: &Stage<'_>, desk: &Desk) -> Result<()> {
    let mut left = 0;
    for chance in 0..CHANCES {
        if chance > 0 {
            for member in stage.system.members() {
                if member.plays(Role::Consumer) {
                    member.start().await?;
                    member.wait_for_start().await?;
                }
            }
        }
        let waiting = self::waiting(desk, EMPTY_WITHIN, |waiting| waiting == 0).await?;
        stage.system.stop(&[Role::Consumer]).await;
        if waiting > 0 {
            owed(
                stage,
                format!("{waiting} messages waited in the consumer's queue"),
            );
            return Ok(());
        }
        // The broker puts them back some time after it has seen the connection end.
        left = self::waiting(desk, BACK_WITHIN, |waiting| waiting > 0).await?;
        if left == 0 {
            return Ok(());
        }
    }
    owed(
        stage,
        format!(
            "{left} messages were never acknowledged: they are back in the queue each time the consumers stop"
        ),
    );
    Ok(())
}

/// How many messages wait in the consumers' queue as soon as that is what is looked for, or when the time is up.
async fn waiting(desk: &Desk, within: Duration, wanted: impl Fn(u64) -> bool) -> Result<u64> {
    let deadline = Instant::now() + within;
    loop {
        let waiting = desk.waiting(QUEUE).await?;
        if wanted(waiting) || Instant::now() > deadline {
            return Ok(waiting);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn owed(stage: &Stage<'_>, what: String) {
    stage.recorder.record(Event::Owed { what });
}
