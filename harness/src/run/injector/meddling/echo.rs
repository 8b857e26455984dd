//! A third party that publishes again what it has heard: whole messages, as they were, to where they were sent.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{
        BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::FieldTable,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    run::own_servers::OwnServers,
    servers::{management::Binding, vhost::LAB},
};

/// What copies are collected in. The lab's own, like the witness's: who deletes queues leaves it alone.
const QUEUE: &str = "lab.echo";
/// So many messages are sent again at most.
const MOST: usize = 20;
/// How long they are collected.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// How old they are then at least: whoever reads them has done with them.
const OLD: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A message, and where it was sent.
struct Heard {
    exchange: String,
    key: String,
    properties: BasicProperties,
    body: Vec<u8>,
}

/// Publishes again what is published now, when it is old. Says how many messages that were.
pub(super) async fn republish(servers: &OwnServers) -> Result<u64> {
    let properties =
        ConnectionProperties::default().with_connection_name(format!("{LAB}echo").into());
    let url = servers.amqp_url();
    let connection = within(Connection::connect(&url, properties), "let the lab in").await?;
    let channel = within(connection.create_channel(), "opened no channel").await?;
    let select = channel.confirm_select(ConfirmSelectOptions::default());
    within(select, "would not confirm").await?;
    let heard = listen(servers, &channel).await?;
    sleep(OLD).await;
    for message in &heard {
        send(&channel, message).await?;
    }
    within(connection.close(200, "".into()), "did not say goodbye").await?;
    Ok(heard.len() as u64)
}

/// Collects what is published, by the keys by which the lab's witness hears.
async fn listen(servers: &OwnServers, channel: &Channel) -> Result<Vec<Heard>> {
    let (management, vhost) = (servers.management(), servers.vhost());
    let declare = channel.queue_declare(
        QUEUE.into(),
        QueueDeclareOptions::default(),
        FieldTable::default(),
    );
    within(declare, "declared no queue").await?;
    for exchange in servers.exchanges() {
        let bound = management.bound_to(vhost, exchange).await?;
        let by = bound
            .iter()
            .filter(|binding| binding.queue().starts_with("lab."));
        for binding in by.map(|binding: &Binding| binding.of_queue(QUEUE)) {
            management.put_back(vhost, &binding).await?;
        }
    }
    let mut heard = Vec::new();
    let deadline = Instant::now() + HEARD_WITHIN;
    while heard.len() < MOST && Instant::now() < deadline {
        let get = channel.basic_get(QUEUE.into(), BasicGetOptions { no_ack: true });
        match within(get, "gave no message").await? {
            None => sleep(LOOK_EVERY).await,
            Some(message) => heard.push(Heard {
                exchange: message.delivery.exchange.to_string(),
                key: message.delivery.routing_key.to_string(),
                properties: message.delivery.properties.clone(),
                body: message.delivery.data.clone(),
            }),
        }
    }
    // Gone with its bindings, before its own copies come to it.
    let delete = channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default());
    within(delete, "deleted no queue").await?;
    Ok(heard)
}

async fn send(channel: &Channel, message: &Heard) -> Result<()> {
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let publish = async {
        let confirm = channel.basic_publish(
            message.exchange.as_str().into(),
            message.key.as_str().into(),
            mandatory,
            &message.body,
            message.properties.clone(),
        );
        confirm.await?.await
    };
    let confirmed = within(publish, "confirmed nothing").await?;
    ensure!(
        matches!(confirmed, Confirmation::Ack(None)),
        "the broker would not take a message that it had taken: {confirmed:?}"
    );
    Ok(())
}

async fn within<T>(
    asked: impl Future<Output = Result<T, lapin::Error>>,
    failed: &str,
) -> Result<T> {
    let answered = timeout(ANSWER_WITHIN, asked).await;
    answered
        .with_context(|| format!("the broker {failed} within {ANSWER_WITHIN:?}"))?
        .with_context(|| format!("the broker {failed}"))
}
