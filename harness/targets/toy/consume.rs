//! The consumer: one mail for each event, however often its message comes.

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
        QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use sqlx::{Connection as _, PgConnection, query};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    pause::Pause,
    plant::Plant,
    post::{ANSWER_WITHIN, HEADER, connect, hang_up},
    table,
};

const QUEUE: &str = "mailroom";
/// Messages that are in its hands at once.
const PREFETCH: u16 = 32;

pub struct Consumer {
    pub database: String,
    pub amqp: String,
    /// A fanout exchange, which somebody else declares.
    pub exchange: String,
    pub plant: Option<Plant>,
}

/// What a message says.
struct Event {
    id: Uuid,
    order: Uuid,
}

impl Consumer {
    /// Consumes until `stop`, whatever happens to its servers.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut pause = Pause::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.session(stop, &mut pause).await {
                eprintln!("toy-outbox consumer begins anew: {error:#}");
                pause.wait(stop).await;
            }
        }
    }

    async fn session(&self, stop: &CancellationToken, pause: &mut Pause) -> Result<()> {
        let opened = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            opened = self.open() => opened,
        };
        let (mut database, connection, channel) = opened?;
        let worked = self.work(&channel, &mut database, stop, pause).await;
        hang_up(&connection).await;
        worked
    }

    async fn open(&self) -> Result<(PgConnection, Connection, Channel)> {
        let database = table::connect(&self.database).await?;
        let (connection, channel) = connect(&self.amqp, "toy-outbox consumer").await?;
        Ok((database, connection, channel))
    }

    async fn work(
        &self,
        channel: &Channel,
        database: &mut PgConnection,
        stop: &CancellationToken,
        pause: &mut Pause,
    ) -> Result<()> {
        let listen = timeout(ANSWER_WITHIN, self.listen(channel)).await;
        let mut deliveries = listen.context("the broker does not answer")??;
        println!("toy-outbox consumer is ready");
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                delivery = deliveries.next() => delivery.context("the broker ended the consumer")??,
            };
            match event(&delivery) {
                Ok(event) => {
                    let applied = timeout(ANSWER_WITHIN, self.apply(database, &event)).await;
                    applied.context("the database does not answer")??;
                    let acked = delivery.acker.ack(BasicAckOptions::default());
                    timeout(ANSWER_WITHIN, acked).await.context("no ack")??;
                    pause.reset();
                }
                Err(error) => {
                    eprintln!("toy-outbox consumer rejects a message: {error:#}");
                    let rejected = delivery.acker.reject(BasicRejectOptions { requeue: false });
                    timeout(ANSWER_WITHIN, rejected)
                        .await
                        .context("no reject")??;
                }
            }
        }
    }

    async fn listen(&self, channel: &Channel) -> Result<lapin::Consumer> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let nothing = FieldTable::default;
        channel
            .queue_declare(QUEUE.into(), durable, nothing())
            .await?;
        let (queue, exchange) = (QUEUE.into(), self.exchange.as_str().into());
        channel
            .queue_bind(
                queue,
                exchange,
                "".into(),
                QueueBindOptions::default(),
                nothing(),
            )
            .await?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await?;
        let consumer = channel.basic_consume(
            QUEUE.into(),
            "".into(),
            BasicConsumeOptions::default(),
            nothing(),
        );
        Ok(consumer.await?)
    }

    /// The inbox and the mail in one transaction.
    async fn apply(&self, database: &mut PgConnection, event: &Event) -> Result<()> {
        let mut transaction = database.begin().await?;
        let inserted = query("INSERT INTO inbox (parcel) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(event.id)
            .execute(&mut *transaction)
            .await?;
        if inserted.rows_affected() == 1 || self.plant == Some(Plant::EffectsTwice) {
            query("INSERT INTO mails (order_id) VALUES ($1)")
                .bind(event.order)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// `order ID of KEY`, and the event's id in its header.
fn event(delivery: &Delivery) -> Result<Event> {
    let headers = delivery.properties.headers().as_ref();
    let id = match headers.and_then(|headers| headers.inner().get(HEADER)) {
        Some(AMQPValue::LongString(text)) => text.to_string().parse().context("reading its id")?,
        _ => bail!("it has no header {HEADER}"),
    };
    let text = str::from_utf8(&delivery.data).context("reading its text")?;
    let order = text.split(' ').nth(1).context("it names no order")?;
    let order = order.parse().context("reading its order")?;
    Ok(Event { id, order })
}
