//! A relay dies or leaves: what it had in its hands goes out again, its lanes go to others and not before, and an event that
//! ends its relays does not do so for ever.

use std::time::Duration;

use anyhow::{Result, ensure};
use outbox_service::outbox::{self, lanes};
use uuid::Uuid;

use crate::{
    relay::{MAX_ATTEMPTS, Relay, places},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);
const VASE: Uuid = Uuid::from_u128(8);
/// Relays that die before anybody gives up.
const MANY: i32 = MAX_ATTEMPTS * 3;

crate::cases!(
    a_dead_relay_s_events_go_out_again_in_order,
    an_event_that_ends_its_relays_is_given_up_and_nothing_else_is,
    an_event_that_dies_with_its_relays_and_could_be_sent_is_never_given_up,
    handing_back_costs_no_attempt,
    whoever_leaves_in_good_order_keeps_nobody_waiting_for_his_leases,
    to_acquit_one_event_clears_no_other,
    nobody_renews_what_is_another_s,
);

async fn a_dead_relay_s_events_go_out_again_in_order(site: &Site) -> Result<()> {
    let mut first = Relay::start(site).await?;
    site.append(LAMP, 1, 3).await?;
    first.claim(500).await?;
    site.append(LAMP, 4, 3).await?;
    first.die(&site.pool).await?;
    let mut second = Relay::start(site).await?;
    let order = second.drain().await?;
    ensure!(places(&order, LAMP) == [1, 2, 3, 4, 5, 6], "{order:?}");
    Ok(())
}

/// Relays claim until the culprit is in their hands, and end.
async fn an_event_that_ends_its_relays_is_given_up_and_nothing_else_is(site: &Site) -> Result<()> {
    const CULPRIT: i64 = 3;
    site.append(LAMP, 1, 5).await?;
    site.append(VASE, 1, 200).await?;
    let mut published = Vec::new();
    for _ in 0..MANY {
        let mut relay = Relay::start(site).await?;
        loop {
            let claim = relay.claim(500).await?;
            if places(&claim.events, LAMP).contains(&CULPRIT) {
                break;
            }
            if claim.events.is_empty() && !claim.more {
                break;
            }
            if claim.suspect {
                outbox::acquit(&mut relay.connection, &claim.events[0]).await?;
            }
            outbox::mark_published(&mut relay.connection, &claim.events, false).await?;
            published.extend(claim.events);
        }
        relay.die(&site.pool).await?;
    }
    let failed: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT auction_id, sequence FROM outbox_events WHERE status = 'failed'")
            .fetch_all(&site.pool)
            .await?;
    ensure!(failed == [(LAMP, CULPRIT)], "{failed:?} were given up");
    ensure!(places(&published, LAMP) == [1, 2], "{published:?}");
    ensure!(places(&published, VASE).len() == 200, "{published:?}");
    Ok(())
}

async fn an_event_that_dies_with_its_relays_and_could_be_sent_is_never_given_up(
    site: &Site,
) -> Result<()> {
    site.append(LAMP, 1, 1).await?;
    for _ in 0..MANY {
        let mut relay = Relay::start(site).await?;
        let claim = relay.claim(500).await?;
        ensure!(claim.events.len() == 1, "{claim:?}");
        if claim.suspect {
            // A message could be made of it; the broker never answers.
            outbox::acquit(&mut relay.connection, &claim.events[0]).await?;
        }
        relay.die(&site.pool).await?;
    }
    let mut relay = Relay::start(site).await?;
    ensure!(relay.drain().await?.len() == 1, "it was given up");
    Ok(())
}

async fn handing_back_costs_no_attempt(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 1).await?;
    for _ in 0..MANY {
        relay.claim(500).await?;
        relay.rewind().await?;
    }
    relay.beat(Duration::from_secs(60)).await?;
    let claim = relay.claim(500).await?;
    ensure!(claim.events[0].attempts == 1 && !claim.suspect, "{claim:?}");
    Ok(())
}

async fn whoever_leaves_in_good_order_keeps_nobody_waiting_for_his_leases(
    site: &Site,
) -> Result<()> {
    site.append(LAMP, 1, 3).await?;
    let mut first = Relay::start(site).await?;
    lanes::leave(&mut first.connection, first.id).await?;
    let mut second = Relay::start(site).await?;
    let order = second.drain().await?;
    ensure!(places(&order, LAMP) == [1, 2, 3], "{order:?}");
    Ok(())
}

async fn to_acquit_one_event_clears_no_other(site: &Site) -> Result<()> {
    site.append(LAMP, 1, 2).await?;
    let mut relay = Relay::start(site).await?;
    let claim = relay.claim(500).await?;
    ensure!(places(&claim.events, LAMP) == [1, 2], "{claim:?}");
    sqlx::query("UPDATE outbox_events SET attempts = 4")
        .execute(&site.pool)
        .await?;
    ensure!(outbox::acquit(&mut relay.connection, &claim.events[0]).await?);
    let attempts: Vec<i32> =
        sqlx::query_scalar("SELECT attempts FROM outbox_events ORDER BY sequence")
            .fetch_all(&site.pool)
            .await?;
    ensure!(attempts == [1, 4], "{attempts:?}");
    Ok(())
}

async fn nobody_renews_what_is_another_s(site: &Site) -> Result<()> {
    let lease = Duration::from_secs(60);
    let mut first = Relay::start(site).await?;
    let owned = first.beat(lease).await?.held.len();
    let mut second = Relay::start(site).await?;
    let beat = second.beat(lease).await?;
    ensure!(owned > 0 && beat.held.is_empty(), "{owned}, {beat:?}");
    Ok(())
}
