//! Claims: what is taken, in which order, and what a claim that came late may not do.

use std::time::Duration;

use anyhow::{Result, ensure};
use outbox_service::outbox;
use sqlx::PgConnection;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    relay::{Relay, places},
    running::until_locked_out,
    site::{Site, append},
};

const LAMP: Uuid = Uuid::from_u128(7);
const VASE: Uuid = Uuid::from_u128(8);
const WITHIN: Duration = Duration::from_secs(20);

crate::cases!(
    a_claim_that_is_carried_out_late_leaves_nothing_in_nobody_s_hands,
    a_claim_that_comes_after_the_rewind_takes_nothing,
    an_event_below_one_that_committed_earlier_is_not_overtaken,
    what_committed_late_in_a_lane_that_was_to_be_given_up_is_found,
    a_locked_event_is_waited_for_and_not_passed_by,
    lanes_take_turns,
    a_plan_that_was_made_for_an_empty_table_serves_a_full_one,
    a_window_ends_before_a_suspect_and_a_suspect_is_claimed_alone,
    what_a_lost_answer_has_marked_is_no_conflict,
    under_another_token_nothing_is_written_back,
);

async fn a_claim_that_is_carried_out_late_leaves_nothing_in_nobody_s_hands(
    site: &Site,
) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 1).await?;
    let mut holder = site.pool.begin().await?;
    lock_lanes(&mut holder).await?;
    let id = relay.id;
    let mut late = Relay {
        id,
        connection: site.tuned().await?,
        frontier: std::mem::take(&mut relay.frontier),
        ..relay
    };
    let claim = tokio::spawn(async move { late.claim(500).await });
    until_locked_out(site, 1).await?;
    let mut connection = site.tuned().await?;
    let rewind = tokio::spawn(async move { outbox::lanes::rewind(&mut connection, id).await });
    until_locked_out(site, 2).await?;
    holder.commit().await?;
    let claimed = timeout(WITHIN, claim).await??;
    ensure!(
        claimed?.events.len() == 1,
        "the claim was the first in the queue"
    );
    let rewound = timeout(WITHIN, rewind).await???;
    ensure!(rewound.handed_back == 1, "{rewound:?}");
    ensure!(
        processing(site).await? == 0,
        "an event is in nobody's hands"
    );
    Ok(())
}

async fn a_claim_that_comes_after_the_rewind_takes_nothing(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 1).await?;
    let before = std::mem::take(&mut relay.frontier);
    relay.rewind().await?;
    let after = std::mem::replace(&mut relay.frontier, before);
    ensure!(
        relay.claim(500).await?.events.is_empty(),
        "claimed under the tokens of before"
    );
    relay.frontier = after;
    ensure!(relay.claim(500).await?.events.len() == 1, "nothing claimed");
    Ok(())
}

/// Two writers at once: the one with the greater transaction id draws the smaller position and commits last. Whether a
/// claim can be misled by that depends on what else ends on the server in between, so it is tried some times.
async fn an_event_below_one_that_committed_earlier_is_not_overtaken(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    for pair in site.same_lane().await?.chunks_exact(2) {
        two_writers(site, &mut relay, [pair[0], pair[1]]).await?;
    }
    Ok(())
}

async fn two_writers(site: &Site, relay: &mut Relay, [x, y]: [Uuid; 2]) -> Result<()> {
    let (mut first, mut second) = (site.pool.begin().await?, site.pool.begin().await?);
    for writer in [&mut first, &mut second] {
        sqlx::query("SELECT pg_current_xact_id()")
            .execute(&mut **writer)
            .await?;
    }
    append(&mut *second, y, 1, 1).await?;
    append(&mut *first, x, 1, 1).await?;
    first.commit().await?;
    let mut order = Vec::new();
    for sequence in 2..6 {
        order.extend(relay.drain().await?);
        append(&site.pool, x, sequence, 1).await?;
    }
    second.commit().await?;
    append(&site.pool, y, 2, 1).await?;
    order.extend(relay.drain().await?);
    ensure!(places(&order, y) == [1, 2], "{order:?}");
    ensure!(places(&order, x) == [1, 2, 3, 4, 5], "{order:?}");
    Ok(())
}

async fn what_committed_late_in_a_lane_that_was_to_be_given_up_is_found(site: &Site) -> Result<()> {
    let same_lane = site.same_lane().await?;
    let (x, y) = (same_lane[0], same_lane[1]);
    let mut relay = Relay::start(site).await?;
    let mut late = site.pool.begin().await?;
    append(&mut *late, y, 1, 1).await?;
    append(&site.pool, x, 1, 1).await?;
    let mut order = relay.drain().await?;
    let draining = |value: bool| {
        sqlx::query("UPDATE relay_lanes SET draining = $1")
            .bind(value)
            .execute(&site.pool)
    };
    draining(true).await?;
    late.commit().await?;
    // Until no transaction of before runs any more, those of other cases included.
    for _ in 0..20 {
        order.extend(relay.drain().await?);
        sleep(Duration::from_millis(20)).await;
    }
    draining(false).await?;
    for sequence in 2..5 {
        append(&site.pool, x, sequence, 1).await?;
        order.extend(relay.drain().await?);
    }
    ensure!(places(&order, y) == [1], "{order:?}");
    Ok(())
}

async fn a_locked_event_is_waited_for_and_not_passed_by(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 2).await?;
    let mut holder = site.pool.begin().await?;
    sqlx::query("SELECT FROM outbox_events WHERE sequence = 1 FOR UPDATE")
        .execute(&mut *holder)
        .await?;
    let claim = tokio::spawn(async move { relay.claim(500).await });
    until_locked_out(site, 1).await?;
    holder.commit().await?;
    let claimed = timeout(WITHIN, claim).await???;
    ensure!(places(&claimed.events, LAMP) == [1, 2], "{claimed:?}");
    Ok(())
}

async fn lanes_take_turns(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 10_000).await?;
    site.append(VASE, 1, 10).await?;
    let mut events = Vec::new();
    for _ in 0..2 {
        events.extend(relay.claim(500).await?.events);
    }
    ensure!(
        places(&events, VASE).len() == 10,
        "a lane with much in it kept the others waiting"
    );
    Ok(())
}

async fn a_plan_that_was_made_for_an_empty_table_serves_a_full_one(site: &Site) -> Result<()> {
    const CLAIMS: u32 = 10;
    const READ: &str =
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
                        WHERE relname = 'outbox_events'";
    /// How many rows of the outbox some claims read.
    async fn reads(relay: &mut Relay) -> Result<i64> {
        let mut read = 0;
        for _ in 0..CLAIMS {
            sqlx::query("BEGIN").execute(&mut relay.connection).await?;
            let before: i64 = sqlx::query_scalar(READ)
                .fetch_one(&mut relay.connection)
                .await?;
            ensure!(relay.claim(500).await?.events.len() == 500, "too few");
            let after: i64 = sqlx::query_scalar(READ)
                .fetch_one(&mut relay.connection)
                .await?;
            sqlx::query("COMMIT").execute(&mut relay.connection).await?;
            read += after - before;
        }
        Ok(read)
    }
    let mut before = Relay::start(site).await?;
    before.drain().await?;
    for auction in 0..400 {
        site.append(Uuid::from_u128(auction), 1, 100).await?;
    }
    let made_for_nothing = reads(&mut before).await?;
    sqlx::query("ANALYZE outbox_events")
        .execute(&site.pool)
        .await?;
    // Another connection plans anew.
    let mut after = Relay {
        connection: site.tuned().await?,
        ..before
    };
    let made_for_all = reads(&mut after).await?;
    ensure!(
        0 < made_for_all && made_for_nothing <= 2 * made_for_all,
        "{made_for_nothing} rows read, and {made_for_all} once the planner knows the table"
    );
    Ok(())
}

async fn a_window_ends_before_a_suspect_and_a_suspect_is_claimed_alone(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 5).await?;
    sqlx::query("UPDATE outbox_events SET attempts = $1 WHERE sequence IN (3, 4)")
        .bind(relay.policy.suspect_from)
        .execute(&site.pool)
        .await?;
    let mut windows = Vec::new();
    for _ in 0..4 {
        let claim = relay.claim(500).await?;
        windows.push((places(&claim.events, LAMP), claim.suspect, claim.wait));
    }
    let expected = [
        (vec![1, 2], false, true),
        (vec![3], true, true),
        (vec![4], true, true),
        (vec![5], false, false),
    ];
    ensure!(windows == expected, "{windows:?}");
    Ok(())
}

async fn what_a_lost_answer_has_marked_is_no_conflict(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 3).await?;
    let claimed = relay.claim(500).await?.events;
    let connection = &mut relay.connection;
    outbox::mark_published(connection, &claimed, false).await?;
    let again = outbox::mark_published(connection, &claimed, true).await?;
    ensure!((again.published, again.stale) == (3, 0), "{again:?}");
    Ok(())
}

async fn under_another_token_nothing_is_written_back(site: &Site) -> Result<()> {
    let mut relay = Relay::start(site).await?;
    site.append(LAMP, 1, 2).await?;
    let before = relay.claim(500).await?.events;
    relay.rewind().await?;
    relay.claim(500).await?;
    let connection = &mut relay.connection;
    let marked = outbox::mark_published(connection, &before, false).await?;
    ensure!((marked.published, marked.stale) == (0, 2), "{marked:?}");
    let bad = before.iter().map(|event| outbox::Undecodable {
        event: event.clone(),
        reason: "none".to_owned(),
    });
    let failed = outbox::fail(connection, &bad.collect::<Vec<_>>()).await?;
    ensure!(failed == 0, "{failed} failed");
    ensure!(!outbox::acquit(connection, &before[0]).await?, "acquitted");
    ensure!(processing(site).await? == 2, "something was written back");
    Ok(())
}

async fn lock_lanes(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT FROM relay_lanes ORDER BY lane FOR UPDATE")
        .execute(connection)
        .await?;
    Ok(())
}

async fn processing(site: &Site) -> Result<i64> {
    let count = "SELECT count(*) FROM outbox_events WHERE status = 'processing'";
    Ok(sqlx::query_scalar(count).fetch_one(&site.pool).await?)
}
