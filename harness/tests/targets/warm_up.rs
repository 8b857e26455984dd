//! The warm-up: what is written is heard.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use lapin::{BasicProperties, ExchangeKind};
use outbox_harness::{
    ask::{id::Run, target::Target},
    run::{heard::Listeners, warm_up::warm_up},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    cases,
    shop::{WITNESS, by_sql},
    site::{RUN, Site},
};

cases!(
    what_is_written_is_heard,
    who_publishes_without_an_id_is_told_what_came,
    who_refuses_everything_is_told_what_was_answered,
    an_exchange_that_is_declared_late_costs_another_write,
);

const WRITE: &str = r#"sql = "INSERT INTO outbox (payload) VALUES ('{{id}}')""#;

fn target() -> Result<Target> {
    by_sql(WRITE, WITNESS)
}

async fn listeners(site: &Site, target: &Target) -> Listeners {
    Listeners::start(site.amqp_url(), target, Run::of(RUN), Arc::new(|_| ())).await
}

/// A relay as small as can be, which publishes what `says` makes of a payload.
async fn relay(site: &Site, says: fn(String) -> String) -> Result<AbortOnDropHandle<()>> {
    let (publisher, pool) = (site.publisher().await?, site.pool.clone());
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let deleted =
                sqlx::query_scalar("DELETE FROM outbox RETURNING payload").fetch_all(&pool);
            for payload in deleted.await.unwrap_or_default() {
                let said = says(payload);
                let publish =
                    publisher.publish("shop.events", "order", &said, BasicProperties::default());
                publish.await.expect("published");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })))
}

async fn what_is_written_is_heard(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE outbox (payload text)").await?;
    site.publisher()
        .await?
        .exchange("shop.events", ExchangeKind::Topic)
        .await?;
    let target = target()?;
    let (writer, listeners) = (site.writer(&target, None)?, listeners(site, &target).await);
    let _relay = relay(site, |payload| payload).await?;
    let mut number = 0;
    let next = || {
        number += 1;
        site.id(0, number)
    };
    let warm = warm_up(
        &writer,
        &listeners,
        next,
        Duration::from_secs(20),
        |_, _| (),
    )
    .await?;
    ensure!(
        warm.heard == site.id(0, 1) && warm.written.len() == 1,
        "{warm:?}"
    );
    Ok(())
}

async fn who_publishes_without_an_id_is_told_what_came(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE outbox (payload text)").await?;
    site.publisher()
        .await?
        .exchange("shop.events", ExchangeKind::Topic)
        .await?;
    let target = target()?;
    let (writer, listeners) = (site.writer(&target, None)?, listeners(site, &target).await);
    let _relay = relay(site, |_| "an order was placed".to_owned()).await?;
    let warm = warm_up(
        &writer,
        &listeners,
        || site.id(0, 1),
        Duration::from_secs(1),
        |_, _| (),
    );
    let said = warm.await.expect_err("no id").to_string();
    for part in [
        "accepted (COMMIT)",
        "exchange shop.events (topic): 1 messages came, 1 of them about no operation",
        "an order was placed",
        "does {{id}} get into the message?",
    ] {
        ensure!(said.contains(part), "{part}: {said}");
    }
    Ok(())
}

async fn who_refuses_everything_is_told_what_was_answered(site: &Site) -> Result<()> {
    let target = target()?;
    let (writer, listeners) = (site.writer(&target, None)?, listeners(site, &target).await);
    let warm = warm_up(
        &writer,
        &listeners,
        || site.id(0, 1),
        Duration::from_secs(20),
        |_, _| (),
    );
    let said = warm.await.expect_err("no table").to_string();
    ensure!(
        said.contains("relation \"outbox\" does not exist"),
        "{said}"
    );
    ensure!(
        said.contains("nothing came") && said.contains("Nothing was accepted"),
        "{said}"
    );
    Ok(())
}

async fn an_exchange_that_is_declared_late_costs_another_write(site: &Site) -> Result<()> {
    site.sql("CREATE TABLE outbox (payload text)").await?;
    let target = target()?;
    let (writer, listeners) = (site.writer(&target, None)?, listeners(site, &target).await);
    // The first message goes nowhere, for nobody can be bound to what is not there.
    let declare = async {
        crate::site::until("the first is written", async || {
            Ok(site.count("outbox").await? == 1)
        })
        .await?;
        site.publisher()
            .await?
            .exchange("shop.events", ExchangeKind::Topic)
            .await?;
        site.sql("DELETE FROM outbox").await?;
        listeners.ready(Duration::from_secs(10)).await?;
        relay(site, |payload| payload).await
    };
    let mut number = 0;
    let next = || {
        number += 1;
        site.id(0, number)
    };
    let warm = warm_up(
        &writer,
        &listeners,
        next,
        Duration::from_secs(30),
        |_, _| (),
    );
    let (warm, _relay) = tokio::try_join!(warm, declare)?;
    ensure!(
        warm.written.len() == 2 && warm.heard == site.id(0, 2),
        "{warm:?}"
    );
    Ok(())
}
