//! Messages that pass are understood, and struck at the exact moment, on a real Postgres and a real RabbitMQ.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use lapin::{BasicProperties, ExchangeKind};
use outbox_harness::{
    ask::{
        id::Run,
        scenario::{Message, System},
        wire::{Deed, Dialect, Watched},
    },
    wire::tap::{Act, Audience, Link, Spot, Trigger},
};
use sqlx::{Connection, Executor, PgConnection};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    cases,
    site::{Publisher, RUN, Site, until},
};

cases![
    a_commit_whose_answer_is_cut_has_committed,
    a_commit_that_is_cut_before_it_arrives_has_not,
    a_commit_that_the_lab_refuses_is_rolled_back_and_its_session_goes_on,
    a_swallowed_confirm_never_comes_and_the_message_is_there,
    a_confirm_that_is_made_a_nack_keeps_tags_in_step,
    a_connection_closed_in_the_brokers_place_is_closed_for_the_client,
    a_publish_that_is_half_sent_does_not_arrive,
    a_message_is_held_while_somebody_strikes,
    what_passes_is_told_with_its_operations,
];

const TABLE: &str = "CREATE TABLE held (id text PRIMARY KEY)";

fn trigger(edge: &str, event: &str, matching: Option<&str>, act: Act) -> Result<Arc<Trigger>> {
    let message = Message {
        edge: Some(edge.to_owned()),
        event: event.to_owned(),
        nth: 1,
        of: None,
        matching: matching.map(str::to_owned),
        fingerprint: None,
        side: None,
        times: 1,
    };
    let watched = Watched::parse(&message, None, &System::default());
    Ok(Trigger::new(watched.map_err(anyhow::Error::msg)?, act))
}

fn deed(text: &str) -> Result<Act> {
    let deed = Deed::parse(text).map_err(anyhow::Error::msg)?;
    Ok(Act::Deed(deed.context("a deed")?))
}

fn to_postgres(site: &Site, event: &str, what: &str) -> Result<Arc<Trigger>> {
    let trigger = trigger("api -> postgres", event, Some("into held"), deed(what)?)?;
    site.to_postgres.tap().arm(&trigger);
    Ok(trigger)
}

fn to_rabbitmq(site: &Site, event: &str, what: &str) -> Result<Arc<Trigger>> {
    let trigger = trigger("relay -> rabbitmq", event, None, deed(what)?)?;
    site.to_rabbitmq.tap().arm(&trigger);
    Ok(trigger)
}

async fn session(site: &Site) -> Result<PgConnection> {
    Ok(PgConnection::connect(&site.database_url_over_the_edge()?).await?)
}

async fn writes(connection: &mut PgConnection, id: &str) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("INSERT INTO held VALUES ($1)")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

async fn a_commit_whose_answer_is_cut_has_committed(site: &Site) -> Result<()> {
    site.sql(TABLE).await?;
    let mut connection = session(site).await?;
    connection.execute("SELECT 1").await?;
    let trigger = to_postgres(site, "committed", "reset")?;
    ensure!(
        writes(&mut connection, "one").await.is_err(),
        "it was answered"
    );
    ensure!(*trigger.struck().borrow() == 1, "not struck once");
    ensure!(site.count("held").await? == 1, "it is not there");
    writes(&mut session(site).await?, "two").await?;
    Ok(())
}

async fn a_commit_that_is_cut_before_it_arrives_has_not(site: &Site) -> Result<()> {
    site.sql(TABLE).await?;
    let mut connection = session(site).await?;
    to_postgres(site, "commit", "close")?;
    ensure!(
        writes(&mut connection, "one").await.is_err(),
        "it was answered"
    );
    until("the session is gone", async || {
        Ok(site.count("held").await? == 0)
    })
    .await?;
    writes(&mut session(site).await?, "one").await?;
    Ok(())
}

async fn a_commit_that_the_lab_refuses_is_rolled_back_and_its_session_goes_on(
    site: &Site,
) -> Result<()> {
    site.sql(TABLE).await?;
    let mut connection = session(site).await?;
    to_postgres(site, "commit", "answer error 40001")?;
    let refused = writes(&mut connection, "one").await;
    let code = refused
        .as_ref()
        .err()
        .and_then(|error| error.as_database_error()?.code().map(String::from));
    ensure!(code.as_deref() == Some("40001"), "{refused:?}");
    ensure!(site.count("held").await? == 0, "it is there");
    // In step: the same session has no transaction open, and its next answers are its own.
    for id in ["one", "two"] {
        writes(&mut connection, id).await?;
    }
    let three: i32 = sqlx::query_scalar("SELECT 1 + 2")
        .fetch_one(&mut connection)
        .await?;
    ensure!(three == 3 && site.count("held").await? == 2, "out of step");
    Ok(())
}

const EXCHANGE: &str = "events";
const QUEUE: &str = "heard";

/// A publisher over the edge, whose messages reach a queue.
async fn publisher(site: &Site) -> Result<Publisher> {
    let own = site.publisher().await?;
    own.exchange(EXCHANGE, ExchangeKind::Fanout).await?;
    own.queue(QUEUE).await?;
    let bind = own.channel.queue_bind(
        QUEUE.into(),
        EXCHANGE.into(),
        "".into(),
        Default::default(),
        Default::default(),
    );
    bind.await?;
    Publisher::at(&site.amqp_url_over_the_edge()?).await
}

async fn heard(site: &Site) -> Result<Vec<String>> {
    let own = site.publisher().await?;
    let mut all = Vec::new();
    while let Some(message) = own
        .channel
        .basic_get(QUEUE.into(), Default::default())
        .await?
    {
        all.push(String::from_utf8_lossy(&message.delivery.data).into_owned());
    }
    Ok(all)
}

/// Publishes and says what the broker, or the lab in its place, has said.
async fn publish(publisher: &Publisher, body: &str) -> Result<lapin::Confirmation> {
    let publish = publisher.channel.basic_publish(
        EXCHANGE.into(),
        "key".into(),
        Default::default(),
        body.as_bytes(),
        BasicProperties::default(),
    );
    let confirm = publish.await?;
    let said = timeout(std::time::Duration::from_secs(2), confirm).await;
    Ok(said.context("no confirm")??)
}

async fn a_swallowed_confirm_never_comes_and_the_message_is_there(site: &Site) -> Result<()> {
    let publisher = publisher(site).await?;
    let trigger = to_rabbitmq(site, "confirm", "swallow")?;
    ensure!(
        publish(&publisher, "one").await.is_err(),
        "it was confirmed"
    );
    trigger.disarm();
    ensure!(heard(site).await? == ["one"], "it is not there");
    Ok(())
}

async fn a_confirm_that_is_made_a_nack_keeps_tags_in_step(site: &Site) -> Result<()> {
    let publisher = publisher(site).await?;
    to_rabbitmq(site, "confirm", "answer nack")?;
    let said = publish(&publisher, "one").await?;
    ensure!(matches!(said, lapin::Confirmation::Nack(_)), "{said:?}");
    for body in ["two", "three"] {
        let said = publish(&publisher, body).await?;
        ensure!(matches!(said, lapin::Confirmation::Ack(_)), "{said:?}");
    }
    ensure!(heard(site).await?.len() == 3, "one is missing");
    Ok(())
}

async fn a_connection_closed_in_the_brokers_place_is_closed_for_the_client(
    site: &Site,
) -> Result<()> {
    let publisher = publisher(site).await?;
    to_rabbitmq(site, "publish", "answer close")?;
    let error = publish(&publisher, "one")
        .await
        .err()
        .context("it was confirmed")?;
    ensure!(
        format!("{error:#}").contains("CONNECTION_FORCED"),
        "{error:#}"
    );
    ensure!(heard(site).await?.is_empty(), "it had been held");
    Ok(())
}

async fn a_publish_that_is_half_sent_does_not_arrive(site: &Site) -> Result<()> {
    let publisher = publisher(site).await?;
    to_rabbitmq(site, "publish", "cut after 30 bytes")?;
    ensure!(
        publish(&publisher, "one").await.is_err(),
        "it was confirmed"
    );
    ensure!(heard(site).await?.is_empty(), "half of it arrived");
    Ok(())
}

async fn a_message_is_held_while_somebody_strikes(site: &Site) -> Result<()> {
    site.sql(TABLE).await?;
    let (tell, mut told) = mpsc::channel(1);
    let trigger = trigger(
        "api -> postgres",
        "commit",
        Some("into held"),
        Act::Tell(tell),
    )?;
    site.to_postgres.tap().arm(&trigger);
    let mut connection = session(site).await?;
    let strike = async {
        let held = told.recv().await.context("nobody was told")?;
        let there = site.count("held").await?;
        ensure!(held.text.contains("INSERT INTO held"), "{}", held.text);
        drop(held);
        anyhow::Ok(there)
    };
    let (written, there) = tokio::join!(writes(&mut connection, "one"), strike);
    written?;
    ensure!(
        there? == 0 && site.count("held").await? == 1,
        "it was not held"
    );
    Ok(())
}

async fn what_passes_is_told_with_its_operations(site: &Site) -> Result<()> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let told = all.clone();
    let spot = Spot {
        edge: "api -> postgres".to_owned(),
        process: "api 1".to_owned(),
        told: Some(Audience {
            run: Run::of(RUN),
            told: Arc::new(move |passed| {
                let seen = passed.seen;
                if !seen.ids.is_empty() {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.push((seen.event.name(), seen.ids.clone()));
                }
            }),
        }),
    };
    let upstream = site.lab.postgres().database(&site.name);
    let name = format!("{}-told", site.name);
    let link = Link::create(
        site.lab.control(),
        &name,
        upstream.address,
        Dialect::Postgres,
        spot,
    )
    .await?;
    site.sql(TABLE).await?;
    let id = site.id(3, 7);
    let mut connection = PgConnection::connect(&upstream.over(link.address())?).await?;
    writes(&mut connection, &id.uuid().to_string()).await?;
    connection.close().await?;
    link.edge().delete().await?;
    let told = all.lock().unwrap_or_else(PoisonError::into_inner);
    let events: Vec<&str> = told.iter().map(|(event, _)| *event).collect();
    for wanted in ["execute", "complete", "commit", "committed"] {
        ensure!(events.contains(&wanted), "{wanted} is not among {events:?}");
    }
    ensure!(told.iter().all(|(_, ids)| *ids == [id]), "{told:?}");
    Ok(())
}
