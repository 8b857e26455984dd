//! An auction whose event has failed: what waits, what goes on, and how it ends.

use std::time::Duration;

use anyhow::{Result, ensure};
use outbox_service::{
    MIGRATIONS,
    outbox::{self, Requeue, Undecodable},
};
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    relay::{HOLD, Relay, SKIP, places},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);
const VASE: Uuid = Uuid::from_u128(8);

crate::cases!(
    a_failed_event_holds_its_auction_and_no_other,
    what_was_put_back_is_found_again_and_goes_out_first,
    putting_back_what_fails_again_at_once_comes_to_an_end,
    what_waits_behind_two_failed_events_waits_for_both,
    with_skip_an_auction_goes_on_without_its_failed_event,
    what_was_held_goes_out_in_order_when_failed_events_no_longer_hold,
    a_held_event_is_walked_over_once,
    what_is_put_aside_keeps_no_other_lane_waiting,
    a_database_of_before_is_brought_up_to_date_with_all_its_events,
);

/// Fails one event of an auction as a relay does that can make no message of it.
async fn fail(relay: &mut Relay, auction_id: Uuid, sequence: i64) -> Result<()> {
    let claimed = relay.claim(500).await?.events;
    let bad = claimed
        .into_iter()
        .find(|event| (event.auction_id, event.sequence) == (auction_id, sequence));
    let bad: Vec<_> = bad
        .map(|event| Undecodable {
            event,
            reason: "no message".to_owned(),
        })
        .into_iter()
        .collect();
    ensure!(
        outbox::fail(&mut relay.connection, &bad).await? == 1,
        "not failed"
    );
    relay.rewind().await?;
    Ok(())
}

async fn a_failed_event_holds_its_auction_and_no_other(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 4).await?;
    site.append(VASE, 1, 4).await?;
    fail(&mut relay, LAMP, 2).await?;
    let order = relay.drain().await?;
    ensure!(places(&order, LAMP) == [1], "{order:?}");
    ensure!(places(&order, VASE) == [1, 2, 3, 4], "{order:?}");
    site.append(LAMP, 5, 1).await?;
    ensure!(relay.drain().await?.is_empty(), "a later bid went out");
    Ok(())
}

async fn what_was_put_back_is_found_again_and_goes_out_first(site: &Site) -> Result<()> {
    let same_lane = site.same_lane().await?;
    let (held, other) = (same_lane[0], same_lane[1]);
    let mut relay = Relay::start(site).await?;
    site.append(held, 1, 2_500).await?;
    fail(&mut relay, held, 1).await?;
    // Until the relay looks further up, and no transaction of before runs any more.
    for round in 0..20 {
        site.append(other, round * 10 + 1, 10).await?;
        let order = relay.drain().await?;
        ensure!(places(&order, held).is_empty(), "held events went out");
        sleep(Duration::from_millis(20)).await;
    }
    let mut connection = site.pool.acquire().await?;
    let put_back = outbox::requeue(&mut connection, &Requeue::Auction(held)).await?;
    ensure!(put_back == 1, "{put_back} put back");
    site.append(held, 2_501, 1).await?;
    let order = places(&relay.drain().await?, held);
    ensure!(order.iter().copied().eq(1..=2_501), "{order:?}");
    Ok(())
}

/// Nothing has mended the event, and a relay meets it as soon as it is put back.
async fn putting_back_what_fails_again_at_once_comes_to_an_end(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 3).await?;
    fail(&mut relay, LAMP, 1).await?;
    sqlx::query(
        "CREATE FUNCTION fails_again() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             NEW.status := 'failed';
             NEW.processed_at := clock_timestamp();
             RETURN NEW;
         END $$",
    )
    .execute(&site.pool)
    .await?;
    sqlx::query(
        "CREATE TRIGGER fails_again BEFORE UPDATE ON outbox_events FOR EACH ROW
         WHEN (OLD.status = 'failed') EXECUTE FUNCTION fails_again()",
    )
    .execute(&site.pool)
    .await?;
    let mut connection = site.pool.acquire().await?;
    let requeue = outbox::requeue(&mut connection, &Requeue::All);
    let put_back = tokio::time::timeout(Duration::from_secs(10), requeue).await??;
    ensure!(put_back == 1, "{put_back} put back");
    Ok(())
}

async fn what_waits_behind_two_failed_events_waits_for_both(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 6).await?;
    fail(&mut relay, LAMP, 4).await?;
    fail(&mut relay, LAMP, 2).await?;
    ensure!(
        places(&relay.drain().await?, LAMP) == [1],
        "held events went out"
    );
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM outbox_events WHERE status = 'failed' ORDER BY sequence",
    )
    .fetch_all(&site.pool)
    .await?;
    let mut connection = site.pool.acquire().await?;
    for (id, expected) in ids.into_iter().zip([vec![2, 3], vec![4, 5, 6]]) {
        outbox::requeue(&mut connection, &Requeue::Event(id)).await?;
        let order = places(&relay.drain().await?, LAMP);
        ensure!(order == expected, "{order:?}");
    }
    Ok(())
}

async fn with_skip_an_auction_goes_on_without_its_failed_event(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    relay.policy = SKIP;
    site.append(LAMP, 1, 4).await?;
    fail(&mut relay, LAMP, 2).await?;
    ensure!(
        places(&relay.drain().await?, LAMP) == [1, 3, 4],
        "not skipped"
    );
    Ok(())
}

async fn what_was_held_goes_out_in_order_when_failed_events_no_longer_hold(
    site: &Site,
) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 30).await?;
    fail(&mut relay, LAMP, 1).await?;
    ensure!(relay.drain().await?.is_empty(), "held events went out");
    relay.policy = SKIP;
    site.append(LAMP, 31, 1).await?;
    let mut order = places(&relay.drain().await?, LAMP);
    ensure!(order.is_empty(), "{order:?} overtook what is held");
    let mut connection = site.pool.acquire().await?;
    for _ in 0..4 {
        outbox::let_go(&mut connection, LAMP, false, 10).await?;
        order.extend(places(&relay.drain().await?, LAMP));
    }
    ensure!(order.iter().copied().eq(2..=31), "{order:?}");
    let holding = outbox::holding_after(&mut connection, Uuid::nil(), 10).await?;
    ensure!(holding == [(LAMP, false)], "{holding:?}");
    Ok(())
}

async fn a_held_event_is_walked_over_once(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 10_000).await?;
    fail(&mut relay, LAMP, 1).await?;
    let mut claims = 0;
    while relay.claim(500).await?.more {
        claims += 1;
    }
    ensure!(claims <= 20, "{claims} claims for 9,999 held events");
    let claimable: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM outbox_events WHERE status = 'pending' AND NOT held",
    )
    .fetch_one(&site.pool)
    .await?;
    ensure!(claimable == 0, "{claimable} are still in the claim's way");
    Ok(())
}

async fn what_is_put_aside_keeps_no_other_lane_waiting(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 5_000).await?;
    fail(&mut relay, LAMP, 1).await?;
    site.append(VASE, 1, 10).await?;
    let mut order = relay.claim(500).await?.events;
    order.extend(relay.claim(500).await?.events);
    ensure!(places(&order, VASE).len() == 10, "{order:?}");
    // Tried with one event, what waits is put aside a window at a time all the same.
    site.append(VASE, 11, 2).await?;
    for _ in 0..11 {
        let one = (500, 1);
        let claim = outbox::claim(
            &mut relay.connection,
            relay.id,
            one,
            HOLD,
            &mut relay.frontier,
        );
        ensure!(claim.await?.events.len() <= 1, "more than one was claimed");
    }
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM outbox_events WHERE status = 'pending' AND NOT held",
    )
    .fetch_one(&site.pool)
    .await?;
    ensure!(waiting == 0, "{waiting} are still in the claim's way");
    Ok(())
}

/// The schema as it was before events could be held, with an event in each state.
async fn a_database_of_before_is_brought_up_to_date_with_all_its_events(site: &Site) -> Result<()> {
    const LAST_OF_BEFORE: i64 = 3;
    let url = site.servers.database_url();
    let (server, _) = url.rsplit_once('/').unwrap_or((&url, ""));
    let own = format!("case_{}", Uuid::now_v7().simple());
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "CREATE DATABASE {own} TEMPLATE template0"
    )))
    .execute(&site.pool)
    .await?;
    let result = upgraded(&format!("{server}/{own}"), LAST_OF_BEFORE).await;
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "DROP DATABASE {own} WITH (FORCE)"
    )))
    .execute(&site.pool)
    .await?;
    result
}

async fn upgraded(url: &str, to: i64) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    MIGRATIONS.run_to(to, &mut connection).await?;
    sqlx::query(
        "INSERT INTO outbox_events (id, event_type, payload, auction_id, sequence, status, processed_at, claim_token, retry_at)
         VALUES (gen_random_uuid(), 't', '{}', $1, 1, 'failed', now(), NULL, NULL),
                (gen_random_uuid(), 't', '{}', $1, 2, 'pending', NULL, NULL, now() + interval '1 hour'),
                (gen_random_uuid(), 't', '{}', $2, 1, 'pending', NULL, NULL, now() + interval '1 hour'),
                (gen_random_uuid(), 't', '{}', $2, 2, 'pending', NULL, NULL, NULL)",
    )
    .bind(LAMP)
    .bind(VASE)
    .execute(&mut connection)
    .await?;
    MIGRATIONS.run(&mut connection).await?;
    let mut relay = Relay {
        id: Uuid::now_v7(),
        connection,
        frontier: outbox::Frontier::default(),
        policy: HOLD,
    };
    relay.beat(std::time::Duration::from_secs(60)).await?;
    let order = relay.drain().await?;
    ensure!(places(&order, VASE) == [1, 2], "{order:?}");
    ensure!(places(&order, LAMP).is_empty(), "{order:?}");
    Ok(())
}
