//! Dead letters, and the way back.

use anyhow::{Context, Result, ensure};
use lapin::{
    options::{BasicGetOptions, BasicNackOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use uuid::Uuid;

use crate::{
    post::{DEAD, Post, QUEUE, bid},
    running::{Running, run},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);

crate::cases!(
    what_was_given_up_comes_back_and_poison_stays,
    all_comes_back_once_even_if_it_dies_again,
    what_the_queue_does_not_take_stays_dead,
);

async fn what_was_given_up_comes_back_and_poison_stays(site: &Site) -> Result<()> {
    let post = Post::open(site).await?;
    declare_with_a_limit(&post).await?;
    Running::ready(site, "consumer", &[]).await?.stop().await?;
    give_up(&post, 3).await?;
    poison(site, &post, 2).await?;

    let said = run(site, &site.servers.database_url(), &["redrive"]).await?;
    ensure!(said.code == Some(0), "{said:?}");
    ensure!(
        said.out.contains("3 dead letters put back") && said.out.contains("2 left"),
        "{said:?}"
    );
    post.until_waiting(QUEUE, 3).await?;
    post.until_waiting(DEAD, 2).await?;
    let back = post
        .channel
        .basic_get(QUEUE.into(), BasicGetOptions { no_ack: true })
        .await?
        .context("a message")?
        .delivery;
    let headers = back.properties.headers().clone().unwrap_or_default();
    let mut names = headers.inner().keys().map(|name| name.as_str());
    ensure!(
        !names.any(|name| name.contains("death")) && back.properties.kind().is_some(),
        "{:?}",
        back.properties
    );
    Ok(())
}

async fn all_comes_back_once_even_if_it_dies_again(site: &Site) -> Result<()> {
    let post = Post::open(site).await?;
    Running::ready(site, "consumer", &[]).await?.stop().await?;
    poison(site, &post, 150).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let said = run(site, &site.servers.database_url(), &["redrive", "--all"]).await?;
    ensure!(
        said.code == Some(0) && said.out.contains("150 dead letters put back"),
        "{said:?}"
    );
    post.until_waiting(DEAD, 150).await?;
    consumer.stop().await
}

async fn what_the_queue_does_not_take_stays_dead(site: &Site) -> Result<()> {
    let post = Post::open(site).await?;
    Running::ready(site, "consumer", &[]).await?.stop().await?;
    poison(site, &post, 2).await?;
    post.channel
        .queue_delete(QUEUE.into(), Default::default())
        .await?;
    let said = run(site, &site.servers.database_url(), &["redrive", "--all"]).await?;
    ensure!(said.code == Some(1) && said.err.contains(QUEUE), "{said:?}");
    post.until_waiting(DEAD, 2).await
}

/// As the consumer's queue is, but one that gives a message up when it comes back for the second time.
async fn declare_with_a_limit(post: &Post) -> Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let text = |value: &str| AMQPValue::LongString(value.into());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(1));
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(DEAD));
    post.channel
        .queue_declare(QUEUE.into(), durable, arguments)
        .await?;
    Ok(())
}

/// Lets the broker give so many good bids up.
async fn give_up(post: &Post, bids: u32) -> Result<()> {
    for sequence in 1..=bids {
        post.send(&bid(LAMP, sequence.into())).await?;
    }
    for _ in 0..2 {
        post.until_waiting(QUEUE, bids).await?;
        for _ in 0..bids {
            post.channel
                .basic_get(QUEUE.into(), BasicGetOptions::default())
                .await?
                .context("nothing to take")?;
        }
        let back = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        post.channel.basic_nack(0, back).await?;
    }
    post.until_waiting(DEAD, bids).await
}

/// Lets the consumer reject so many messages.
async fn poison(site: &Site, post: &Post, messages: u32) -> Result<()> {
    let before = post.waiting(DEAD).await?;
    for _ in 0..messages {
        post.send_raw(b"\xff").await?;
    }
    let consumer = Running::ready(site, "consumer", &[]).await?;
    post.until_waiting(DEAD, before + messages).await?;
    consumer.stop().await
}
