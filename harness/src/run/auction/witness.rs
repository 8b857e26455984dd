//! The witness: a queue of the lab's own on the exchange, read around all faults. What it saw was published.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    message::Delivery as AmqpDelivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    history::{Delivery, Event, Item, Recorder},
    judge::auction::{bid::Bid, contract},
};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// The witness' queue.
pub const QUEUE: &str = "lab.witness";
/// The AMQP `type` of the lab's own last message.
pub const FENCE: &str = "lab.fence";

/// Reads the witness queue until dropped, through every outage of the broker.
pub struct Witness {
    seen: Arc<Seen>,
    _reader: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Seen {
    deliveries: AtomicU64,
    messages: Mutex<HashSet<String>>,
    fenced: watch::Sender<bool>,
}

impl Witness {
    /// Declares exchange and queue, so that nothing is published before the witness looks, then reads.
    pub async fn start(amqp_url: String, exchange: String, recorder: Recorder) -> Result<Self> {
        let seen = Arc::new(Seen::default());
        let first = subscribe(&amqp_url, &exchange)
            .await
            .context("the witness could not subscribe")?;
        let reader = tokio::spawn({
            let seen = seen.clone();
            async move {
                let mut session = Some(first);
                loop {
                    if let Some((_connection, consumer)) = session.take() {
                        read(consumer, &seen, &recorder).await;
                    }
                    tokio::time::sleep(RETRY_AFTER).await;
                    session = subscribe(&amqp_url, &exchange).await.ok();
                }
            }
        });
        Ok(Self {
            seen,
            _reader: AbortOnDropHandle::new(reader),
        })
    }

    /// Deliveries so far.
    pub fn deliveries(&self) -> u64 {
        self.seen.deliveries.load(Ordering::Relaxed)
    }

    /// Waits until the fence has come.
    pub async fn fenced(&self, within: Duration) -> Result<()> {
        let mut fenced = self.seen.fenced.subscribe();
        let waited = timeout(within, fenced.wait_for(|fenced| *fenced)).await;
        waited.with_context(|| format!("the witness did not see it within {within:?}"))??;
        Ok(())
    }

    /// Different messages so far.
    pub fn messages(&self) -> u64 {
        self.seen.lock().len() as u64
    }
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.messages
            .lock()
            .expect("never poisoned: no code panics under this lock")
    }
}

async fn subscribe(amqp_url: &str, exchange: &str) -> Result<(Connection, lapin::Consumer)> {
    let properties = ConnectionProperties::default().with_connection_name("lab witness".into());
    let connection = timeout(ANSWER_WITHIN, Connection::connect(amqp_url, properties)).await??;
    let channel = timeout(ANSWER_WITHIN, connection.create_channel()).await??;
    timeout(ANSWER_WITHIN, declare(&channel, exchange)).await??;
    let consume = channel.basic_consume(
        QUEUE.into(),
        "".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let consumer = timeout(ANSWER_WITHIN, consume).await??;
    Ok((connection, consumer))
}

async fn declare(channel: &Channel, exchange: &str) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .exchange_declare(
            exchange.into(),
            ExchangeKind::Fanout,
            durable,
            FieldTable::default(),
        )
        .await?;
    let mut quorum = FieldTable::default();
    quorum.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel.queue_declare(QUEUE.into(), durable, quorum).await?;
    channel
        .queue_bind(
            QUEUE.into(),
            exchange.into(),
            "".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

async fn read(mut consumer: lapin::Consumer, seen: &Seen, recorder: &Recorder) {
    while let Some(Ok(delivery)) = consumer.next().await {
        note(&delivery, seen, recorder);
        if delivery
            .acker
            .ack(BasicAckOptions::default())
            .await
            .is_err()
        {
            return;
        }
    }
}

fn note(delivery: &AmqpDelivery, seen: &Seen, recorder: &Recorder) {
    let kind = delivery.properties.kind().as_ref();
    if kind.is_some_and(|kind| kind.as_str() == FENCE) {
        // In the history before anybody acts on it: what follows it there was done after it.
        if !*seen.fenced.borrow() {
            recorder.record(Event::Fenced);
            seen.fenced.send_replace(true);
        }
        return;
    }
    let message_id = delivery
        .properties
        .message_id()
        .as_ref()
        .map(ToString::to_string);
    let known = message_id
        .as_ref()
        .is_some_and(|id| !seen.lock().insert(id.clone()));
    // The broker repeats to the witness what the witness could not ack: its own doing, not the relay's.
    if known && delivery.redelivered {
        return;
    }
    let item = contract::from_wire(&delivery.data).map_err(|breach| breach.to_string());
    let flaws = item
        .as_ref()
        .map_or_else(|_| Vec::new(), |event| flaws(delivery, event));
    recorder.record(Event::Delivered(Delivery {
        dedup: message_id,
        redelivered: delivery.redelivered,
        item,
        event_kind: String::new(),
        digest: digest(delivery),
        persistent: delivery.properties.delivery_mode() == &Some(contract::DELIVERY_MODE),
        flaws,
    }));
    seen.deliveries.fetch_add(1, Ordering::Relaxed);
}

/// Of the body alone: what the properties say is compared with it, and the trace in a header may differ with each attempt.
fn digest(delivery: &AmqpDelivery) -> String {
    Sha256::digest(&delivery.data)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Where properties and headers disagree with the contract.
fn flaws(delivery: &AmqpDelivery, event: &Item) -> Vec<String> {
    let properties = &delivery.properties;
    let header = |name: &str| -> Option<String> {
        match properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            AMQPValue::LongLongInt(number) => Some(number.to_string()),
            other => Some(format!("{other:?}")),
        }
    };
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    let wanted = [
        (
            "content_type",
            text(properties.content_type()),
            contract::CONTENT_TYPE.to_owned(),
        ),
        (
            "type",
            text(properties.kind()),
            contract::EVENT_TYPE.to_owned(),
        ),
        (
            "delivery_mode",
            properties.delivery_mode().map(|mode| mode.to_string()),
            contract::DELIVERY_MODE.to_string(),
        ),
        (
            "timestamp",
            properties.timestamp().map(|seconds| seconds.to_string()),
            (event.placed_at_us() / 1_000_000).to_string(),
        ),
        ("header bid_id", header("bid_id"), event.id.to_string()),
        (
            "header auction_id",
            header("auction_id"),
            event.key.0.to_string(),
        ),
        ("header sequence", header("sequence"), event.n.to_string()),
    ];
    wanted
        .into_iter()
        .filter(|(_, found, wanted)| found.as_ref() != Some(wanted))
        .map(|(what, found, wanted)| format!("{what} is {found:?}, not {wanted:?}"))
        .collect()
}
