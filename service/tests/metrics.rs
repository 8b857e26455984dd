//! What the gauges say in an incident.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use uuid::Uuid;

use crate::{client, relay::Relay, running::Running, site::Site};

const LAMP: Uuid = Uuid::from_u128(7);
const VASE: Uuid = Uuid::from_u128(8);

crate::cases!(
    what_is_claimed_failed_or_held_is_not_published,
    what_waits_for_a_predecessor_is_told_with_its_age,
);

async fn gauges(site: &Site) -> Result<BTreeMap<String, f64>> {
    let api = Running::ready(site, "api", &[]).await?;
    let text = client::http()?
        .get(api.url("/metrics"))
        .send()
        .await?
        .text()
        .await?;
    api.stop().await?;
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    Ok(lines
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect())
}

fn of(gauges: &BTreeMap<String, f64>, name: &str) -> Result<f64> {
    gauges.get(name).copied().context(name.to_owned())
}

async fn what_is_claimed_failed_or_held_is_not_published(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(VASE, 1, 3).await?;
    relay.claim(500).await?;
    let idle = gauges(site).await?;
    ensure!(of(&idle, "outbox_processing_events")? == 3.0, "{idle:?}");
    ensure!(of(&idle, "outbox_pending_events")? == 0.0, "{idle:?}");
    sqlx::query(
        "UPDATE outbox_events SET created_at = now() - interval '100 s' WHERE sequence = 2",
    )
    .execute(&site.pool)
    .await?;
    let claimed = gauges(site).await?;
    let age = of(&claimed, "outbox_oldest_unpublished_seconds")?;
    ensure!((100.0..160.0).contains(&age), "{age}");
    site.append(LAMP, 1, 4).await?;
    sqlx::query(
        "UPDATE outbox_events SET status = 'failed', processed_at = now(), created_at = now() - interval '300 s'
         WHERE auction_id = $1 AND sequence = 1",
    )
    .bind(LAMP)
    .execute(&site.pool)
    .await?;
    relay.drain().await?;
    let held = gauges(site).await?;
    ensure!(of(&held, "outbox_failed_events")? == 1.0, "{held:?}");
    ensure!(of(&held, "outbox_held_events")? == 3.0, "{held:?}");
    ensure!(of(&held, "outbox_held_auctions")? == 1.0, "{held:?}");
    let age = of(&held, "outbox_oldest_unpublished_seconds")?;
    ensure!((300.0..360.0).contains(&age), "{age}");
    Ok(())
}

async fn what_waits_for_a_predecessor_is_told_with_its_age(site: &Site) -> Result<()> {
    sqlx::query(
        "INSERT INTO inbox (bid_id, auction_id, sequence, user_id, amount, placed_at, received_at)
         SELECT gen_random_uuid(), $1, n, 'ann', n, now(), now() - n * interval '50 s' FROM generate_series(2, 4) AS n",
    )
    .bind(LAMP)
    .execute(&site.pool)
    .await?;
    let gauges = gauges(site).await?;
    ensure!(of(&gauges, "consumer_parked_bids")? == 3.0, "{gauges:?}");
    let age = of(&gauges, "consumer_oldest_gap_seconds")?;
    ensure!((200.0..260.0).contains(&age), "{age}");
    Ok(())
}
