//! What the consumer remembers, for how long, and what that costs.

use anyhow::{Result, ensure};
use outbox_service::events::BidPlaced;
use uuid::Uuid;

use crate::{
    post::{DEAD, Post, QUEUE, bid},
    running::{Running, until},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);
/// Bids are kept for a second.
const SHORT: [(&str, &str); 1] = [("OUTBOX_INBOX_RETENTION_S", "1")];

crate::cases!(
    a_copy_older_than_the_window_changes_nothing,
    consumers_purge_side_by_side,
    a_name_in_another_place_is_nonsense,
    a_long_run_of_parked_bids_is_applied_in_chunks,
);

async fn a_copy_older_than_the_window_changes_nothing(site: &Site) -> Result<()> {
    let consumer = Running::ready(site, "consumer", &SHORT).await?;
    let post = Post::open(site).await?;
    let bids: Vec<BidPlaced> = (1..=3).map(|sequence| bid(LAMP, sequence)).collect();
    for bid in &bids {
        post.send(bid).await?;
    }
    post.send(&bid(LAMP, 6)).await?;
    until_stands(site, 3, 1).await?;
    for bid in bids.iter().rev() {
        post.send(bid).await?;
    }
    post.send(&bid(LAMP, 4)).await?;
    until_stands(site, 4, 1).await?;
    post.send(&bid(LAMP, 5)).await?;
    // The parked one has waited for longer than the window, and is applied all the same.
    until_stands(site, 6, 0).await?;
    consumer.stop().await?;
    ensure!(
        post.waiting(DEAD).await? == 0,
        "a copy was taken for nonsense"
    );
    post.until_waiting(QUEUE, 0).await
}

async fn consumers_purge_side_by_side(site: &Site) -> Result<()> {
    sqlx::query(
        "INSERT INTO inbox (bid_id, auction_id, sequence, user_id, amount, placed_at, applied_at)
         SELECT gen_random_uuid(), $1, n, 'ann', n, now(), now() - interval '1 hour' FROM generate_series(1, 30000) AS n",
    )
    .bind(LAMP)
    .execute(&site.pool)
    .await?;
    let one = Running::ready(site, "consumer", &SHORT).await?;
    let other = Running::ready(site, "consumer", &SHORT).await?;
    until("everything old is gone", || async {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox")
            .fetch_one(&site.pool)
            .await?;
        Ok((left == 0, left.to_string()))
    })
    .await?;
    for consumer in [one, other] {
        consumer.stop().await?;
        let log = consumer.log()?;
        ensure!(!log.contains("WARN") && !log.contains("put off"), "{log}");
    }
    Ok(())
}

async fn a_name_in_another_place_is_nonsense(site: &Site) -> Result<()> {
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    let first = bid(LAMP, 1);
    for bid in [&first, &bid(LAMP, 2)] {
        post.send(bid).await?;
    }
    until_stands(site, 2, 2).await?;
    let elsewhere = |sequence| BidPlaced {
        sequence,
        ..first.clone()
    };
    let twice = bid(LAMP, 8);
    let again = BidPlaced {
        sequence: 9,
        ..twice.clone()
    };
    for nonsense in [bid(LAMP, 1), elsewhere(2), elsewhere(3), elsewhere(7)] {
        post.send(&nonsense).await?;
    }
    post.until_waiting(DEAD, 4).await?;
    post.send(&twice).await?;
    post.send(&again).await?;
    post.until_waiting(DEAD, 5).await?;
    until_stands(site, 2, 3).await?;
    consumer.stop().await?;
    post.until_waiting(QUEUE, 0).await
}

async fn a_long_run_of_parked_bids_is_applied_in_chunks(site: &Site) -> Result<()> {
    const PARKED: i64 = 12_000;
    park(site, 2, PARKED).await?;
    // One that is not next.
    park(site, PARKED + 3, PARKED + 3).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    post.send(&bid(LAMP, 1)).await?;
    until_stands(site, PARKED, PARKED + 1).await?;
    let most: i64 = sqlx::query_scalar(
        "SELECT max(bids) FROM (SELECT count(*) AS bids FROM inbox GROUP BY xmin::text) AS transactions",
    )
    .fetch_one(&site.pool)
    .await?;
    ensure!(most < 6_000, "{most} bids in one transaction");
    consumer.stop().await?;
    post.until_waiting(QUEUE, 0).await
}

async fn park(site: &Site, first: i64, last: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO inbox (bid_id, auction_id, sequence, user_id, amount, placed_at)
         SELECT gen_random_uuid(), $1, n, 'ann', 1000 + n, now() FROM generate_series($2, $3) AS n",
    )
    .bind(LAMP)
    .bind(first)
    .bind(last)
    .execute(&site.pool)
    .await?;
    Ok(())
}

/// Waits until the auction stands at a place, and so many of its bids are kept.
async fn until_stands(site: &Site, last_sequence: i64, kept: i64) -> Result<()> {
    until(&format!("{last_sequence} applied, {kept} kept"), || async {
        let seen: (i64, i64, i64) = sqlx::query_as(
            "SELECT coalesce(max(last_sequence), 0), coalesce(max(highest_amount), 0), (SELECT count(*) FROM inbox)
             FROM standings",
        )
        .fetch_one(&site.pool)
        .await?;
        let wanted = (last_sequence, 1000 + last_sequence, kept);
        Ok((seen == wanted, format!("{seen:?}")))
    })
    .await
}
