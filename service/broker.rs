//! RabbitMQ: connections with a deadline, and the topology that publisher and consumer agree on.

mod line;

use std::time::Duration;

use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
    uri::AMQPUri,
};

use line::Line;

/// How long connecting, opening a channel or declaring may take, each.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long the broker may take to say goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Where RabbitMQ is and what is declared there.
#[derive(Debug, Clone)]
pub struct Broker {
    /// `amqp://user:password@host:port/vhost`.
    pub url: String,
    /// Heartbeat in seconds: a dead connection is noticed after about two.
    pub heartbeat: u16,
    /// Durable fanout exchange that all events go to.
    pub exchange: String,
    /// The consumer's durable queue.
    pub queue: String,
    /// Kind of the consumer's queue and its dead-letter queue.
    pub queue_kind: QueueKind,
}

/// RabbitMQ's queue types that keep messages over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum QueueKind {
    /// Replicated, and faster than classic for confirmed publishing.
    Quorum,
    /// One node only.
    Classic,
}

/// Why the broker cannot be used now. Always worth another try.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    /// The URL cannot be read.
    #[error("AMQP URL: {0}")]
    Url(String),
    /// No answer in time.
    #[error("RabbitMQ did not answer within {0:?} while {1}")]
    Silent(Duration, &'static str),
    /// The connection or channel is gone, or the broker refused.
    #[error("RabbitMQ: {0}")]
    Lost(#[from] lapin::Error),
    /// The relay stops while a memory or disk alarm keeps the broker from taking messages.
    #[error("RabbitMQ has blocked publishing (memory or disk alarm)")]
    Blocked,
    /// The channel is not in confirm mode: nothing it answers may be trusted.
    #[error("RabbitMQ confirms nothing on this channel")]
    NoConfirms,
    /// The broker ended the consumer.
    #[error("RabbitMQ cancelled the consumer (was its queue deleted?)")]
    Cancelled,
}

/// Waits for an answer of the broker, but not for ever.
pub(crate) async fn answer<T>(
    doing: &'static str,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Outage> {
    match tokio::time::timeout(ANSWER_WITHIN, call).await {
        Ok(answered) => Ok(answered?),
        Err(_) => Err(Outage::Silent(ANSWER_WITHIN, doing)),
    }
}

/// A connection with one channel. However it is given up, nothing of it is left behind.
pub(crate) struct Link {
    pub channel: Channel,
    pub connection: Connection,
    _line: Line,
}

impl Link {
    /// Closes politely, if the broker answers; it notices anyway.
    pub async fn close(self) {
        let goodbye = self.connection.close(200, "done".into());
        let _ = tokio::time::timeout(GOODBYE_WITHIN, goodbye).await;
    }
}

impl Broker {
    /// The queue that undecodable deliveries go to.
    pub fn dead_letter_queue(&self) -> String {
        format!("{}.dead", self.queue)
    }

    /// Opens a connection named `role` with one channel, and declares the topology on it.
    ///
    /// Without lapin's auto-recovery: it leaves confirms unanswered for a whole outage, while a lost connection fails
    /// them at once.
    pub(crate) async fn open(&self, role: &str) -> Result<Link, Outage> {
        let mut uri: AMQPUri = self.url.parse().map_err(Outage::Url)?;
        uri.query.heartbeat = Some(self.heartbeat);
        let properties =
            ConnectionProperties::default().with_connection_name(role.to_owned().into());
        let dial = Line::connect(uri, properties, ANSWER_WITHIN);
        let (connection, line) = answer("connecting", dial).await?;
        let channel = answer("opening a channel", connection.create_channel()).await?;
        self.declare(&channel).await?;
        Ok(Link {
            channel,
            connection,
            _line: line,
        })
    }

    /// Declares exchange, queue, dead-letter queue and binding. Both sides do, so that neither depends on which starts
    /// first: a relay without the consumer's queue would see every event returned.
    async fn declare(&self, channel: &Channel) -> Result<(), Outage> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let exchange = channel.exchange_declare(
            self.exchange.as_str().into(),
            ExchangeKind::Fanout,
            durable,
            FieldTable::default(),
        );
        answer("declaring the exchange", exchange).await?;

        let dead = self.dead_letter_queue();
        self.declare_queue(channel, &dead, FieldTable::default())
            .await?;
        let mut arguments = FieldTable::default();
        // The default exchange routes by queue name.
        arguments.insert(
            "x-dead-letter-exchange".into(),
            AMQPValue::LongString("".into()),
        );
        arguments.insert(
            "x-dead-letter-routing-key".into(),
            AMQPValue::LongString(dead.into()),
        );
        self.declare_queue(channel, &self.queue, arguments).await?;
        let bind = channel.queue_bind(
            self.queue.as_str().into(),
            self.exchange.as_str().into(),
            "".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        answer("binding the queue", bind).await
    }

    async fn declare_queue(
        &self,
        channel: &Channel,
        name: &str,
        mut arguments: FieldTable,
    ) -> Result<(), Outage> {
        let kind = match self.queue_kind {
            QueueKind::Quorum => "quorum",
            QueueKind::Classic => "classic",
        };
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        answer(
            "declaring a queue",
            channel.queue_declare(name.into(), durable, arguments),
        )
        .await?;
        Ok(())
    }
}
