//! The relay: claim, publish, wait for confirms, mark.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Settings,
    bug::{Bug, fires},
    database,
    outbox::{Claim, Held, Outbox},
    publisher::Publisher,
    rest,
    wake::Doorbell,
};

/// After a failure, before the next try.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks for what is old.
const PURGE_EVERY: Duration = Duration::from_secs(1);

/// How a relay works.
#[derive(Debug, Clone, clap::Args)]
pub struct Pace {
    /// The same after each start, and another one for each relay
    #[arg(long, env = "ZOO_NAME", default_value = "relay")]
    name: String,
    /// How long a relay that says nothing keeps its events, in milliseconds
    #[arg(long, env = "ZOO_LEASE_MS", default_value_t = 3_000)]
    lease_ms: u64,
    /// How often a relay looks by itself, in milliseconds
    #[arg(long, env = "ZOO_POLL_MS", default_value_t = 250)]
    poll_ms: u64,
    /// How long published events are kept, in milliseconds
    #[arg(long, env = "ZOO_RETENTION_MS", default_value_t = 86_400_000)]
    retention_ms: u64,
}

/// A relay.
pub struct Relay {
    settings: Settings,
    pace: Pace,
}

/// What became of a window.
struct Sent {
    rows: Vec<Held>,
    left: Vec<Held>,
    /// The broker is to be asked anew.
    failed: Option<anyhow::Error>,
}

impl Relay {
    /// At such a pace.
    pub fn new(settings: &Settings, pace: Pace) -> Self {
        Self {
            settings: settings.clone(),
            pace,
        }
    }

    /// Publishes until `stop`, whatever happens to its servers.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut doorbell = Doorbell::new(&self.settings.database);
        let mut again = false;
        while !stop.is_cancelled() {
            if let Err(error) = self.session(again, &mut doorbell, stop).await {
                eprintln!("zoo-outbox relay begins anew: {error:#}");
                if fires(Bug::ExitOnOutage) {
                    std::process::exit(1);
                }
                if fires(Bug::ReconnectNever) {
                    return stop.cancelled().await;
                }
                if fires(Bug::OutageSpendsTries)
                    && let Ok(mut outbox) = self.outbox().await
                {
                    let _ = outbox.spend_a_try().await;
                }
                again = true;
                rest(PAUSE, stop).await;
            }
        }
    }

    async fn outbox(&self) -> Result<Outbox> {
        let session = database::connect(&self.settings.database).await?;
        let lease = Duration::from_millis(self.pace.lease_ms);
        Ok(Outbox::new(session, &self.pace.name, lease))
    }

    async fn session(
        &self,
        again: bool,
        doorbell: &mut Doorbell,
        stop: &CancellationToken,
    ) -> Result<()> {
        let mut outbox = self.outbox().await?;
        let publisher = Publisher::open_again(&self.settings.amqp, again).await?;
        println!("zoo-outbox relay is ready");
        let mut purged: Option<Instant> = None;
        let mut worked = Ok(());
        while worked.is_ok() && !stop.is_cancelled() {
            if purged.is_none_or(|at| at.elapsed() >= PURGE_EVERY) {
                let kept = Duration::from_millis(self.pace.retention_ms);
                worked = outbox.purge(kept).await;
                purged = Some(Instant::now());
            }
            let round = match worked {
                Ok(()) => round(&mut outbox, &publisher, stop).await,
                Err(error) => Err(error),
            };
            worked = match round {
                Ok(0) => {
                    doorbell
                        .wait(Duration::from_millis(self.pace.poll_ms), stop)
                        .await;
                    Ok(())
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
        }
        publisher.close().await;
        worked
    }
}

/// Publishes what can be claimed, and says how much that was.
async fn round(
    outbox: &mut Outbox,
    publisher: &Publisher,
    stop: &CancellationToken,
) -> Result<usize> {
    let claim = outbox.claim().await?;
    let claimed = claim.rows.len();
    if claimed == 0 {
        return Ok(0);
    }
    if fires(Bug::MarkBeforePublish) {
        outbox.published(&claim.rows).await?;
    }
    let Sent { rows, left, failed } = publish(outbox, publisher, claim, stop).await?;
    if stop.is_cancelled() && fires(Bug::NothingHandedBack) {
        return Ok(claimed);
    }
    if !left.is_empty() {
        outbox.give_back(&left).await?;
    }
    if !rows.is_empty() {
        outbox.published(&rows).await?;
    }
    match failed {
        Some(error) if !publisher.is_blocked() => Err(error),
        _ => Ok(claimed - left.len()),
    }
}

/// Publishes a window, one message of a customer at a time: what fails is overtaken by none of its own.
async fn publish(
    outbox: &mut Outbox,
    publisher: &Publisher,
    claim: Claim,
    stop: &CancellationToken,
) -> Result<Sent> {
    let (mut left, mut sent) = readable(outbox, claim.rows).await?;
    let mut rows = std::mem::take(&mut sent);
    let mut failed = None;
    while !rows.is_empty() {
        if stop.is_cancelled() && fires(Bug::ShutdownLosesWindow) {
            sent.append(&mut rows);
            break;
        }
        if stop.is_cancelled() && fires(Bug::NothingHandedBack) {
            break;
        }
        if Instant::now() >= claim.enough {
            break;
        }
        let later = rows.split_off(abreast(&rows));
        match publisher.publish(&rows, claim.enough).await {
            Ok(()) => sent.append(&mut rows),
            Err(_) if fires(Bug::PublishErrorSwallowed) => sent.append(&mut rows),
            Err(error) => {
                failed = Some(error);
                rows.extend(later);
                break;
            }
        }
        rows = later;
    }
    left.extend(rows);
    Ok(Sent {
        rows: sent,
        left,
        failed,
    })
}

/// Gives up what no message can be made of; what comes behind it waits, and is not in hand any more. The second are the rest.
async fn readable(outbox: &mut Outbox, rows: Vec<Held>) -> Result<(Vec<Held>, Vec<Held>)> {
    let mut good: Vec<Held> = Vec::new();
    let mut left: Vec<Held> = Vec::new();
    let mut given_up: Vec<String> = Vec::new();
    for row in rows {
        let customer = &row.event.customer;
        if given_up.contains(customer) && !fires(Bug::FailedDoesNotHold) {
            left.push(row);
            continue;
        }
        let Err(error) = row.event.body() else {
            good.push(row);
            continue;
        };
        eprintln!("zoo-outbox relay: {error:#}");
        if fires(Bug::PoisonAtHead) {
            return Err(error);
        }
        if fires(Bug::PoisonDropped) {
            outbox.published(std::slice::from_ref(&row)).await?;
            continue;
        }
        given_up.push(customer.clone());
        if fires(Bug::NeverGivenUp) {
            left.push(row);
        } else {
            outbox.give_up(&row).await?;
        }
    }
    Ok((left, good))
}

/// How many of the first rows are of different customers.
fn abreast(rows: &[Held]) -> usize {
    let again = |at: &usize| {
        let (before, rest) = rows.split_at(*at);
        let customer = &rest[0].event.customer;
        before.iter().any(|row| row.event.customer == *customer)
    };
    (1..rows.len()).find(again).unwrap_or(rows.len())
}
