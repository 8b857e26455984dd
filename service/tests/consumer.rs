//! The consumer's manners: what it acks, what it rejects, and what neither may cost.

use anyhow::{Result, ensure};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use crate::{
    post::{DEAD, Post, QUEUE, bid},
    running::{Running, until, until_applied, until_locked_out},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);
const VASE: Uuid = Uuid::from_u128(8);

crate::cases!(
    a_batch_whose_last_delivery_is_undecodable_keeps_its_channel,
    a_batch_whose_last_bid_is_nonsense_keeps_its_channel,
    what_a_column_cannot_hold_is_dead_lettered,
    a_schema_that_does_not_fit_is_named_and_waited_for,
);

async fn a_batch_whose_last_delivery_is_undecodable_keeps_its_channel(site: &Site) -> Result<()> {
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    let hold = hold_up(site, &post).await?;
    post.send(&bid(VASE, 1)).await?;
    post.send(&bid(VASE, 2)).await?;
    post.send_raw(b"\xff").await?;
    post.until_waiting(QUEUE, 0).await?;
    hold.rollback().await?;
    until_applied(site, 3).await?;
    post.until_waiting(DEAD, 1).await?;
    nothing_came_back(&consumer, &post).await
}

async fn a_batch_whose_last_bid_is_nonsense_keeps_its_channel(site: &Site) -> Result<()> {
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    let hold = hold_up(site, &post).await?;
    post.send(&bid(VASE, 1)).await?;
    post.send(&bid(VASE, 2)).await?;
    // Another bid of the same auction in the same place.
    post.send(&bid(VASE, 2)).await?;
    post.until_waiting(QUEUE, 0).await?;
    hold.rollback().await?;
    until_applied(site, 3).await?;
    post.until_waiting(DEAD, 1).await?;
    nothing_came_back(&consumer, &post).await
}

async fn what_a_column_cannot_hold_is_dead_lettered(site: &Site) -> Result<()> {
    sqlx::query("ALTER TABLE inbox ALTER COLUMN user_id TYPE varchar(3)")
        .execute(&site.pool)
        .await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    let hold = hold_up(site, &post).await?;
    post.send(&bid(VASE, 1)).await?;
    let mut unfit = bid(VASE, 2);
    unfit.user_id = "annabel".to_owned();
    post.send(&unfit).await?;
    post.until_waiting(QUEUE, 0).await?;
    hold.rollback().await?;
    until_applied(site, 2).await?;
    post.until_waiting(DEAD, 1).await?;
    nothing_came_back(&consumer, &post).await
}

async fn a_schema_that_does_not_fit_is_named_and_waited_for(site: &Site) -> Result<()> {
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    sqlx::query("ALTER TABLE inbox RENAME COLUMN user_id TO who")
        .execute(&site.pool)
        .await?;
    post.send(&bid(LAMP, 1)).await?;
    until("readiness names the cause", || async {
        let report = consumer.readyz().await?;
        let reason = report["dependencies"]["postgres (consumer)"]["reason"].to_string();
        let named = reason.contains("42703") && reason.contains("user_id");
        Ok((report["ready"] == false && named, report.to_string()))
    })
    .await?;
    sqlx::query("ALTER TABLE inbox RENAME COLUMN who TO user_id")
        .execute(&site.pool)
        .await?;
    until_applied(site, 1).await?;
    consumer.until_ready().await?;
    let log = consumer.log()?;
    ensure!(!log.contains("database outage"), "{log}");
    ensure!(post.waiting(DEAD).await? == 0, "a good bid was given up");
    nothing_came_back(&consumer, &post).await
}

/// Lets the consumer wait for a lock with one delivery in its hands, so that what is sent next is one batch.
async fn hold_up(site: &Site, post: &Post) -> Result<Transaction<'static, Postgres>> {
    let mut hold = site.pool.begin().await?;
    sqlx::query("INSERT INTO standings (auction_id) VALUES ($1)")
        .bind(LAMP)
        .execute(&mut *hold)
        .await?;
    post.send(&bid(LAMP, 1)).await?;
    until_locked_out(site, 1).await?;
    Ok(hold)
}

async fn nothing_came_back(consumer: &Running, post: &Post) -> Result<()> {
    consumer.stop().await?;
    let log = consumer.log()?;
    ensure!(!log.contains("broker outage"), "reconnected:\n{log}");
    post.until_waiting(QUEUE, 0).await
}
