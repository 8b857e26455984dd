//! The consumer: an order is shipped once, however often its message comes, and acked when that is committed.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::{
    Channel,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
        BasicRejectOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Settings,
    broker::{self, ANSWER_WITHIN, EXCHANGE},
    bug::{Bug, fires},
    database,
    inbox::{Inbox, Message},
    rest, within,
};

const QUEUE: &str = "zoo.shipping";
/// Messages in hand at once.
const PREFETCH: u16 = 32;
/// After a failure, before the next try.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks for what may be forgotten.
const PRUNE_EVERY: Duration = Duration::from_millis(250);

/// A consumer.
pub struct Consumer {
    settings: Settings,
    keeps: Duration,
}

impl Consumer {
    /// Whose inbox knows a message for so long.
    pub fn new(settings: &Settings, keeps: Duration) -> Self {
        Self {
            settings: settings.clone(),
            keeps,
        }
    }

    /// Consumes until `stop`, whatever happens to its servers.
    pub async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.session(stop).await {
                eprintln!("zoo-outbox consumer begins anew: {error:#}");
                if fires(Bug::ConsumerNeverBack) {
                    return stop.cancelled().await;
                }
                rest(PAUSE, stop).await;
            }
        }
    }

    async fn session(&self, stop: &CancellationToken) -> Result<()> {
        let mut inbox = Inbox::new(database::connect(&self.settings.database).await?);
        let (connection, channel) =
            broker::connect(&self.settings.amqp, "zoo-outbox consumer").await?;
        let worked = self.work(&channel, &mut inbox, stop).await;
        broker::hang_up(&connection).await;
        worked
    }

    async fn work(
        &self,
        channel: &Channel,
        inbox: &mut Inbox,
        stop: &CancellationToken,
    ) -> Result<()> {
        let mut deliveries = within(ANSWER_WITHIN, consume(channel)).await??;
        let mut pruned = Instant::now();
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                delivery = deliveries.next() => delivery.context("the broker ended the consumer")??,
                () = tokio::time::sleep(PRUNE_EVERY) => {
                    inbox.prune(self.keeps).await?;
                    pruned = Instant::now();
                    continue;
                }
            };
            if pruned.elapsed() >= PRUNE_EVERY {
                inbox.prune(self.keeps).await?;
                pruned = Instant::now();
            }
            take(inbox, &delivery).await?;
        }
    }
}

/// Applies a message, and then acks it.
async fn take(inbox: &mut Inbox, delivery: &Delivery) -> Result<()> {
    let message = match message(delivery) {
        Ok(message) => message,
        Err(error) => {
            eprintln!("zoo-outbox consumer rejects a message: {error:#}");
            let rejected = delivery.acker.reject(BasicRejectOptions { requeue: false });
            within(ANSWER_WITHIN, rejected).await??;
            return Ok(());
        }
    };
    if fires(Bug::AckBeforeCommit) {
        ack(delivery).await?;
        return inbox.apply(&message).await;
    }
    let applied = inbox.apply(&message).await;
    match applied {
        Ok(()) if fires(Bug::AutoAck) || fires(Bug::NeverAcked) => Ok(()),
        Ok(()) => ack(delivery).await,
        Err(_) if fires(Bug::BatchDropped) => ack(delivery).await,
        Err(error) if fires(Bug::EndlessRequeue) => {
            eprintln!("zoo-outbox consumer: {error:#}");
            let options = BasicNackOptions {
                requeue: true,
                ..BasicNackOptions::default()
            };
            within(ANSWER_WITHIN, delivery.acker.nack(options)).await??;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn ack(delivery: &Delivery) -> Result<()> {
    let acked = delivery.acker.ack(BasicAckOptions::default());
    within(ANSWER_WITHIN, acked).await??;
    Ok(())
}

async fn consume(channel: &Channel) -> Result<lapin::Consumer> {
    let transient = fires(Bug::TransientQueue);
    let options = QueueDeclareOptions {
        durable: !transient,
        auto_delete: transient,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    if let Some(limit) = std::env::var("ZOO_QUEUE_LIMIT")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(limit));
        let reject = AMQPValue::LongString("reject-publish".into());
        arguments.insert("x-overflow".into(), reject);
    }
    channel
        .queue_declare(QUEUE.into(), options, arguments)
        .await?;
    let (bind, nothing) = (QueueBindOptions::default(), FieldTable::default());
    channel
        .queue_bind(
            QUEUE.into(),
            EXCHANGE.into(),
            "".into(),
            bind,
            nothing.clone(),
        )
        .await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions {
        no_ack: fires(Bug::AutoAck),
        ..BasicConsumeOptions::default()
    };
    let consumer = channel.basic_consume(QUEUE.into(), "".into(), options, nothing);
    Ok(consumer.await?)
}

fn message(delivery: &Delivery) -> Result<Message> {
    let properties = &delivery.properties;
    let event_id = properties.message_id().as_ref().context("it has no id")?;
    let place = properties.correlation_id().as_ref();
    let place = place.context("it has no place")?;
    Ok(Message {
        event_id: event_id.to_string(),
        place: place.as_str().parse().context("its place is no number")?,
        order: serde_json::from_slice(&delivery.data).context("it is no order")?,
    })
}
