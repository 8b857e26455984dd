//! Messages, wherever they can be heard.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Result, ensure};
use lapin::{
    BasicProperties, ExchangeKind,
    options::{BasicConsumeOptions, ExchangeDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use outbox_harness::{
    ask::id::Run,
    run::heard::{Gap, Heard, Listeners, Noted},
};

use crate::{
    cases,
    shop::by_sql,
    site::{Publisher, RUN, Site, until},
};

cases!(
    every_kind_of_exchange_is_heard_and_fenced,
    the_queue_of_the_default_exchange_is_read_alone,
    an_exchange_that_the_target_declares_is_waited_for,
    an_exchange_that_nobody_declares_is_an_error_that_says_what_to_do,
    an_exchange_of_another_kind_is_an_error,
    a_queue_with_another_reader_is_an_error,
    what_waited_through_an_outage_is_heard_once,
    an_exchange_that_ends_with_the_broker_leaves_a_gap,
    several_places_are_heard_and_fenced_together,
    a_broker_that_is_restarted_is_listened_to_again,
);

const WITHIN: Duration = Duration::from_secs(10);

/// What was told so far.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Noted>>>);

impl Told {
    fn heard(&self) -> Vec<Heard> {
        let told = self.0.lock().unwrap();
        let heard = told.iter().filter_map(|noted| match noted {
            Noted::Heard(heard) => Some(heard.clone()),
            _ => None,
        });
        heard.collect()
    }

    fn gaps(&self) -> Vec<Gap> {
        let told = self.0.lock().unwrap();
        let gaps = told.iter().filter_map(|noted| match noted {
            Noted::Gap(gap) => Some(gap.clone()),
            _ => None,
        });
        gaps.collect()
    }

    fn fences(&self) -> usize {
        let told = self.0.lock().unwrap();
        told.iter()
            .filter(|noted| matches!(noted, Noted::Fenced { .. }))
            .count()
    }
}

async fn listen_at(url: String, witness: &str) -> Result<(Listeners, Told)> {
    let target = by_sql("sql = \"SELECT '{{id}}'\"", witness)?;
    let told = Told::default();
    let sink = told.clone();
    let listeners = Listeners::start(
        url,
        &target,
        Run::of(RUN),
        Arc::new(move |noted| sink.0.lock().unwrap().push(noted)),
    );
    Ok((listeners.await, told))
}

async fn listen(site: &Site, witness: &str) -> Result<(Listeners, Told)> {
    listen_at(site.amqp_url(), witness).await
}

fn on(kind: &str, keys: &str) -> String {
    format!("[witness]\nexchange = \"shop.events\"\nkind = \"{kind}\"\n{keys}")
}

async fn every_kind_of_exchange_is_heard_and_fenced(site: &Site) -> Result<()> {
    let typed = |text: &str| {
        let mut headers = FieldTable::default();
        headers.insert("type".into(), AMQPValue::LongString(text.into()));
        headers.insert("version".into(), AMQPValue::LongLongInt(3));
        BasicProperties::default().with_headers(headers)
    };
    let kinds = [
        (ExchangeKind::Fanout, "", "anything", ""),
        (
            ExchangeKind::Topic,
            "keys = [\"order.*\"]",
            "order.placed",
            "weather.rain",
        ),
        (ExchangeKind::Topic, "", "a.b.c", ""),
        (ExchangeKind::Direct, "keys = [\"a\", \"b\"]", "b", "c"),
        (
            ExchangeKind::Headers,
            "keys = [\"type=order\", \"colour=red\"]",
            "",
            "",
        ),
        (ExchangeKind::Headers, "keys = [\"version=3\"]", "", ""),
    ];
    for (number, (kind, keys, routed, lost)) in (1..).zip(kinds) {
        let name = format!("{kind:?}").to_lowercase();
        let publisher = site.publisher().await?;
        publisher.exchange("shop.events", kind).await?;
        let (listeners, told) = listen(site, &on(&name, keys)).await?;
        listeners.ready(WITHIN).await?;
        let id = site.id(1, number);
        let body = format!("{{\"id\":\"{}\"}}", id.uuid());
        if !lost.is_empty() {
            publisher
                .publish("shop.events", lost, &body, typed("x"))
                .await?;
        }
        let properties = typed("order")
            .with_delivery_mode(2)
            .with_type("placed".into());
        publisher
            .publish("shop.events", routed, &body, properties)
            .await?;
        listeners.fence(WITHIN).await?;
        let heard = told.heard();
        ensure!(heard.len() == 1, "{name} {keys}: {heard:?}");
        let item = heard[0].item.clone().map_err(anyhow::Error::msg)?;
        ensure!(
            item.id == id.uuid() && item.n == i64::from(number),
            "{item:?}"
        );
        ensure!(heard[0].exchange == "shop.events" && heard[0].routing_key == routed);
        ensure!(heard[0].persistent && heard[0].message_type.as_deref() == Some("placed"));
        ensure!(listeners.has(id) && listeners.deliveries() == 1 && told.fences() == 1);
        drop(listeners);
        publisher
            .channel
            .exchange_delete("shop.events".into(), Default::default())
            .await?;
        let delete = publisher
            .channel
            .queue_delete("lab.witness.1".into(), Default::default());
        delete.await?;
    }
    Ok(())
}

async fn the_queue_of_the_default_exchange_is_read_alone(site: &Site) -> Result<()> {
    let publisher = site.publisher().await?;
    publisher.queue("entity").await?;
    let (listeners, told) = listen(site, "[witness]\nqueue = \"entity\"").await?;
    listeners.ready(WITHIN).await?;
    let id = site.id(1, 1);
    let properties = BasicProperties::default().with_message_id(id.uuid().to_string().into());
    publisher
        .publish("", "entity", "hello", properties.clone())
        .await?;
    publisher.publish("", "entity", "hello", properties).await?;
    publisher
        .publish("", "entity", "no id", BasicProperties::default())
        .await?;
    listeners.fence(WITHIN).await?;
    let heard = told.heard();
    ensure!(
        heard.len() == 3 && heard[0] == heard[1],
        "two true copies are two: {heard:?}"
    );
    ensure!(heard[0].exchange.is_empty() && !heard[0].persistent);
    ensure!(heard[2].item.is_err());
    ensure!((listeners.deliveries(), listeners.operations()) == (3, 1));
    let said = listeners.told();
    ensure!(
        said.contains("3 messages came, 1 of them about no operation of this run"),
        "{said}"
    );
    Ok(())
}

async fn an_exchange_that_the_target_declares_is_waited_for(site: &Site) -> Result<()> {
    let (listeners, _) = listen(site, &on("fanout", "")).await?;
    ensure!(listeners.ready(Duration::from_millis(200)).await.is_err());
    let publisher = site.publisher().await?;
    publisher
        .exchange("shop.events", ExchangeKind::Fanout)
        .await?;
    listeners.ready(WITHIN).await?;
    listeners.fence(WITHIN).await
}

async fn an_exchange_that_nobody_declares_is_an_error_that_says_what_to_do(
    site: &Site,
) -> Result<()> {
    let (listeners, _) = listen(site, &on("fanout", "")).await?;
    let said = listeners
        .ready(Duration::from_millis(300))
        .await
        .expect_err("nobody declares it");
    let said = format!("{said:#}");
    for part in [
        "exchange shop.events (fanout)",
        "[setup] exchanges",
        "it is not declared",
    ] {
        ensure!(said.contains(part), "{said}");
    }
    Ok(())
}

async fn an_exchange_of_another_kind_is_an_error(site: &Site) -> Result<()> {
    let publisher = site.publisher().await?;
    publisher
        .exchange("shop.events", ExchangeKind::Fanout)
        .await?;
    let (listeners, _) = listen(site, &on("topic", "")).await?;
    let said = listeners
        .ready(WITHIN)
        .await
        .expect_err("another kind")
        .to_string();
    ensure!(
        said.contains("(topic), says the file") && said.contains("'fanout'"),
        "{said}"
    );
    Ok(())
}

async fn a_queue_with_another_reader_is_an_error(site: &Site) -> Result<()> {
    let publisher = site.publisher().await?;
    publisher.queue("entity").await?;
    let consume = publisher.channel.basic_consume(
        "entity".into(),
        "".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let _reader = consume.await?;
    let (listeners, _) = listen(site, "[witness]\nqueue = \"entity\"").await?;
    let said = listeners
        .ready(Duration::from_millis(500))
        .await
        .expect_err("another reader");
    ensure!(format!("{said:#}").contains("another reader"), "{said:#}");
    Ok(())
}

async fn what_waited_through_an_outage_is_heard_once(site: &Site) -> Result<()> {
    let publisher = site.publisher().await?;
    publisher
        .exchange("shop.events", ExchangeKind::Fanout)
        .await?;
    let (listeners, told) = listen_at(site.amqp_url_over_the_edge()?, &on("fanout", "")).await?;
    listeners.ready(WITHIN).await?;
    let say = async |number| {
        let body = site.id(1, number).uuid().to_string();
        publisher
            .publish("shop.events", "", &body, BasicProperties::default())
            .await
    };
    say(1).await?;
    until("the first is heard", async || {
        Ok(listeners.operations() == 1)
    })
    .await?;
    let cut = site.to_rabbitmq.edge().cut().await?;
    say(2).await?;
    site.to_rabbitmq.edge().mend(cut).await?;
    say(3).await?;
    until("all are heard", async || Ok(listeners.operations() == 3)).await?;
    listeners.fence(WITHIN).await?;
    ensure!(told.heard().len() == 3, "{:?}", told.heard());
    let gaps = told.gaps();
    ensure!(gaps.len() == 1 && gaps[0].missed.is_none(), "{gaps:?}");
    Ok(())
}

async fn an_exchange_that_ends_with_the_broker_leaves_a_gap(site: &Site) -> Result<()> {
    let publisher = site.publisher().await?;
    let declare = publisher.channel.exchange_declare(
        "shop.events".into(),
        ExchangeKind::Fanout,
        ExchangeDeclareOptions::default(),
        FieldTable::default(),
    );
    declare.await?;
    let (listeners, told) = listen_at(site.amqp_url_over_the_edge()?, &on("fanout", "")).await?;
    listeners.ready(WITHIN).await?;
    let cut = site.to_rabbitmq.edge().cut().await?;
    site.to_rabbitmq.edge().mend(cut).await?;
    until("the gap is told", async || Ok(told.gaps().len() == 1)).await?;
    let gaps = told.gaps();
    let missed = gaps[0].missed.as_deref().unwrap_or_default();
    ensure!(missed.contains("not durable"), "{gaps:?}");
    Ok(())
}

async fn several_places_are_heard_and_fenced_together(site: &Site) -> Result<()> {
    let publisher = site.publisher().await?;
    publisher.exchange("orders", ExchangeKind::Topic).await?;
    publisher.queue("entity").await?;
    let two = "[[witness]]\nexchange = \"orders\"\n[[witness]]\nqueue = \"entity\"";
    let (listeners, told) = listen(site, two).await?;
    listeners.ready(WITHIN).await?;
    let id = site.id(1, 1).uuid().to_string();
    publisher
        .publish("orders", "a.b", &id, BasicProperties::default())
        .await?;
    publisher
        .publish("", "entity", &id, BasicProperties::default())
        .await?;
    listeners.fence(WITHIN).await?;
    ensure!(told.heard().len() == 2 && told.fences() == 2);
    ensure!((listeners.deliveries(), listeners.operations()) == (2, 1));
    Ok(())
}

async fn a_broker_that_is_restarted_is_listened_to_again(site: &Site) -> Result<()> {
    let broker = site.lab.own_rabbitmq(&site.name).await?;
    broker.management().create_vhost("own").await?;
    let url = broker.url("own");
    let before = Publisher::at(&url).await?;
    before.exchange("lasting", ExchangeKind::Fanout).await?;
    let brief = async |publisher: &Publisher| {
        let declare = publisher.channel.exchange_declare(
            "brief".into(),
            ExchangeKind::Fanout,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        );
        declare.await
    };
    brief(&before).await?;
    let two = "[[witness]]\nexchange = \"lasting\"\nkind = \"fanout\"
        [[witness]]\nexchange = \"brief\"\nkind = \"fanout\"";
    let (listeners, told) = listen_at(url.clone(), two).await?;
    listeners.ready(WITHIN).await?;
    let lasting = || BasicProperties::default().with_delivery_mode(2);
    let body = |number| site.id(1, number).uuid().to_string();
    before.publish("lasting", "", &body(1), lasting()).await?;
    until("the first is heard", async || {
        Ok(listeners.operations() == 1)
    })
    .await?;
    // In order: crashed right after its declaration, a quorum queue may come back without a leader (seen on 3.10.8).
    broker.body().stop().await?;
    broker.body().start().await?;
    let after = Publisher::at(&url).await?;
    after.publish("lasting", "", &body(2), lasting()).await?;
    until("the second is heard", async || {
        Ok(listeners.operations() == 2)
    })
    .await?;
    // What ended with the broker is declared by its target again, some time later.
    brief(&after).await?;
    listeners.ready(6 * WITHIN).await?;
    until("both gaps are told", async || Ok(told.gaps().len() == 2)).await?;
    for gap in told.gaps() {
        ensure!(
            gap.missed.is_some() == gap.place.contains("brief"),
            "{gap:?}"
        );
    }
    after.publish("brief", "", &body(3), lasting()).await?;
    listeners.fence(WITHIN).await?;
    ensure!(
        listeners.operations() == 3 && told.heard().len() == 3,
        "{:?}",
        told.heard()
    );
    Ok(())
}
