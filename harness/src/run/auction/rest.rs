//! How the auction service comes to rest: writers and relays stop, the consumer's queue is empty and stays empty without
//! consumers.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::{
    ask::fault::Role,
    ask::scenario::Scenario,
    run::{
        auction::{desk::Desk, meters, topology::QUEUE},
        site::Site,
    },
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

/// Brings it to rest, and says how often the broker had repeated a delivery to its consumer. Of a run that did not recover
/// nothing more is owed.
pub(in crate::run) async fn come(
    site: Site<'_>,
    desk: &Desk,
    scenario: &Scenario,
    recovered: bool,
) -> Result<u64> {
    // The broker counts by connections, and forgets what one did last when it ends.
    let redelivered = redelivered(site, scenario).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    meters::read(site, &http).await;
    site.system.stop(&[Role::Api, Role::Relay]).await;
    if recovered && consumes(site).await {
        empty(site, desk).await?;
    } else {
        site.system.stop(&[Role::Consumer]).await;
    }
    Ok(redelivered)
}

/// The broker's own count of repeated deliveries. It counts once a second, so where a scenario asks for them, they are
/// waited for.
async fn redelivered(site: Site<'_>, scenario: &Scenario) -> Result<u64> {
    let fact = "redelivered_to_consumer";
    let asked: Vec<_> = [&scenario.bites, &scenario.expect.facts]
        .into_iter()
        .filter_map(|conditions| conditions.get(fact))
        .collect();
    let deadline = Instant::now() + STATISTICS_WITHIN;
    loop {
        let count = site.servers.redelivered_to_consumer().await?;
        if asked.iter().all(|asked| asked.holds(count)) || Instant::now() > deadline {
            return Ok(count);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn consumes(site: Site<'_>) -> bool {
    for member in site.system.members() {
        if member.plays(Role::Consumer) && !member.is_taken_away().await {
            return true;
        }
    }
    false
}

/// Waits until the consumers have emptied their queue, and stops them. What they had in their hands and did not acknowledge
/// comes back then: a copy that came just before is legal, so they get another chance, and one that comes back each time
/// was never acknowledged.
async fn empty(site: Site<'_>, desk: &Desk) -> Result<()> {
    let mut left = 0;
    for chance in 0..CHANCES {
        if chance > 0 {
            for member in site.system.members() {
                if member.plays(Role::Consumer) {
                    member.start().await?;
                    member.wait_for_start().await?;
                }
            }
        }
        let waiting = self::waiting(desk, EMPTY_WITHIN, |waiting| waiting == 0).await?;
        site.system.stop(&[Role::Consumer]).await;
        if waiting > 0 {
            site.owed(format!("{waiting} messages waited in the consumer's queue"));
            return Ok(());
        }
        // The broker puts them back some time after it has seen the connection end.
        left = self::waiting(desk, BACK_WITHIN, |waiting| waiting > 0).await?;
        if left == 0 {
            return Ok(());
        }
    }
    site.owed(format!(
        "{left} messages were never acknowledged: they are back in the queue each time the consumers stop"
    ));
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
