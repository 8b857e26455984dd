//! What the service declares, and what it leaves as it finds it.

use anyhow::{Result, ensure};
use lapin::{
    options::{BasicGetOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use uuid::Uuid;

use crate::{
    post::{DEAD, Post, QUEUE, bid},
    running::{Running, until, until_applied},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);

crate::cases!(
    what_is_there_needs_no_right_to_configure,
    a_queue_that_is_there_is_used_as_it_is,
    a_new_queue_gives_up_nothing_for_being_returned,
    a_deployment_may_declare_the_queue_itself,
    a_deployment_may_declare_everything_itself,
);

async fn what_is_there_needs_no_right_to_configure(site: &Site) -> Result<()> {
    Running::ready(site, "consumer", &[]).await?.stop().await?;
    site.management.permit(&site.name, "^$").await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let relay = Running::ready(site, "relay", &[]).await?;
    site.append(LAMP, 1, 2).await?;
    until_applied(site, 2).await?;
    relay.stop().await?;
    consumer.stop().await
}

async fn a_queue_that_is_there_is_used_as_it_is(site: &Site) -> Result<()> {
    let post = Post::open(site).await?;
    let text = |value: &str| AMQPValue::LongString(value.into());
    let classic = vec![("x-max-length", AMQPValue::LongLongInt(1000))];
    let limited = vec![
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", AMQPValue::LongLongInt(5)),
    ];
    for (applied, arguments) in [(1, classic), (2, limited)] {
        let arguments: FieldTable = arguments
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into();
        declare(&post, arguments).await?;
        let consumer = Running::ready(site, "consumer", &[]).await?;
        post.send_raw(b"\xff").await?;
        post.send(&bid(LAMP, applied)).await?;
        until_applied(site, applied).await?;
        consumer.stop().await?;
        let log = consumer.log()?;
        ensure!(!log.contains("outage"), "{log}");
        post.channel
            .queue_delete(QUEUE.into(), Default::default())
            .await?;
    }
    Ok(())
}

async fn a_new_queue_gives_up_nothing_for_being_returned(site: &Site) -> Result<()> {
    Running::ready(site, "consumer", &[]).await?.stop().await?;
    let post = Post::open(site).await?;
    post.send(&bid(LAMP, 1)).await?;
    for _ in 0..25 {
        post.until_waiting(QUEUE, 1).await?;
        let taker = post.connection.create_channel().await?;
        let taken = taker
            .basic_get(QUEUE.into(), BasicGetOptions::default())
            .await?;
        ensure!(taken.is_some(), "nothing to take");
        taker.close(200, "".into()).await?;
    }
    post.until_waiting(QUEUE, 1).await?;
    ensure!(post.waiting(DEAD).await? == 0, "a good bid was given up");
    Ok(())
}

async fn a_deployment_may_declare_the_queue_itself(site: &Site) -> Result<()> {
    let relay = Running::ready(site, "relay", &[("OUTBOX_DECLARE", "exchange")]).await?;
    let post = Post::open(site).await?;
    ensure!(post.waiting(QUEUE).await.is_err(), "the queue was declared");
    site.append(LAMP, 1, 1).await?;
    until("the relay says why nothing moves", || async {
        let report = relay.readyz().await?;
        let why = &report["dependencies"]["rabbitmq (relay)"]["reason"];
        let said = why
            .as_str()
            .is_some_and(|why| why.contains("no queue is bound"));
        Ok((said, report.to_string()))
    })
    .await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    until_applied(site, 1).await?;
    consumer.stop().await?;
    relay.stop().await
}

async fn a_deployment_may_declare_everything_itself(site: &Site) -> Result<()> {
    let post = Post::open(site).await?;
    declare(&post, FieldTable::default()).await?;
    let consumer = Running::ready(site, "consumer", &[("OUTBOX_DECLARE", "nothing")]).await?;
    post.send(&bid(LAMP, 1)).await?;
    until_applied(site, 1).await?;
    ensure!(
        post.waiting(DEAD).await.is_err(),
        "the dead-letter queue was declared"
    );
    consumer.stop().await
}

async fn declare(post: &Post, arguments: FieldTable) -> Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    post.channel
        .queue_declare(QUEUE.into(), durable, arguments)
        .await?;
    Ok(())
}
