//! What publisher and consumer agree on: exchange, queue, dead-letter queue, binding. What is there is used as it is, what
//! is missing is created, and no more rights are asked for than that takes.

use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};
use tracing::warn;

use super::{Broker, Outage, QueueKind, answer};

/// What a process declares of what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Declare {
    /// Exchange, queue, dead-letter queue and binding.
    All,
    /// The exchange only. While the deployment has bound no queue to it, events come back to the relay as returned, and
    /// wait.
    Exchange,
    /// Nothing: all of it is the deployment's. Without the exchange a relay publishes nothing, without the queue a consumer
    /// does not work, and what the consumer rejects is lost where the queue has no dead-letter exchange.
    Nothing,
}

/// Declares what is missing and returns a channel that is open afterwards.
pub(super) async fn declare(broker: &Broker, connection: &Connection) -> Result<Channel, Outage> {
    let mut topology = Topology {
        broker,
        connection,
        channel: answer("opening a channel", connection.create_channel()).await?,
    };
    match broker.declare {
        Declare::All => {
            topology.exchange().await?;
            topology.queues().await?;
        }
        Declare::Exchange => topology.exchange().await?,
        Declare::Nothing => {}
    }
    Ok(topology.channel)
}

/// How many messages of a queue nobody has yet, by the broker's word. Where there is no such queue, that closes the channel.
pub(crate) async fn waiting(channel: &Channel, queue: &str) -> Result<u32, Outage> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let asked = channel.queue_declare(queue.into(), passive, FieldTable::default());
    let declared = answer("looking at a queue", asked).await?;
    Ok(declared.message_count())
}

struct Topology<'b> {
    broker: &'b Broker,
    connection: &'b Connection,
    /// The broker closes a channel with whatever it refuses; then this is another one.
    channel: Channel,
}

impl Topology<'_> {
    async fn exchange(&mut self) -> Result<(), Outage> {
        let asked = self.declare_exchange(true).await;
        if self.or_refused(asked, AMQPSoftError::NOTFOUND).await? {
            return Ok(());
        }
        self.declare_exchange(false).await
    }

    /// Both sides declare the queue, so that neither depends on which starts first: a relay without the consumer's queue
    /// would see every event returned.
    async fn queues(&mut self) -> Result<(), Outage> {
        let dead = self.broker.dead_letter_queue();
        let is_there = self.is_there(&self.broker.queue).await?;
        if !self.is_there(&dead).await? {
            let created = self.create(&dead, &FieldTable::default()).await;
            let refused = !self
                .or_refused(created, AMQPSoftError::ACCESSREFUSED)
                .await?;
            if refused && !is_there {
                // Created now, the queue would lose what it dead-letters.
                return Err(Outage::NotAllowed(dead));
            } else if refused {
                warn!(
                    queue = dead,
                    "no right to create the dead-letter queue; gone without"
                );
            }
        }
        if !is_there {
            let mut arguments = FieldTable::default();
            // The default exchange routes by queue name.
            arguments.insert("x-dead-letter-exchange".into(), text(""));
            arguments.insert("x-dead-letter-routing-key".into(), text(&dead));
            self.create(&self.broker.queue, &arguments).await?;
        }
        let bind = self.channel.queue_bind(
            self.broker.queue.as_str().into(),
            self.broker.exchange.as_str().into(),
            ShortString::default(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        let bound = answer("binding the queue", bind).await;
        if !self.or_refused(bound, AMQPSoftError::ACCESSREFUSED).await? {
            // There is no way to ask for a binding. Where it is missing, too, events come back as returned, and wait.
            warn!(
                queue = self.broker.queue,
                exchange = self.broker.exchange,
                "no right to bind the queue to the exchange; taken to be bound"
            );
        }
        Ok(())
    }

    async fn is_there(&mut self, queue: &str) -> Result<bool, Outage> {
        let asked = waiting(&self.channel, queue).await.map(drop);
        self.or_refused(asked, AMQPSoftError::NOTFOUND).await
    }

    /// Creates a queue that gives up no message, however often it is returned.
    ///
    /// From 4.0 on RabbitMQ dead-letters a quorum queue's message after 20 returns, those of consumers that end in good
    /// order included, unless it is told otherwise. Before, there is no such limit, and to be told so is worse than
    /// useless: 3.x takes −1 for a limit that every message is beyond as soon as it is returned once.
    async fn create(&mut self, queue: &str, arguments: &FieldTable) -> Result<(), Outage> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let mut arguments = arguments.clone();
        let kind = match self.broker.queue_kind {
            QueueKind::Quorum => "quorum",
            QueueKind::Classic => "classic",
        };
        arguments.insert("x-queue-type".into(), text(kind));
        if self.broker.queue_kind == QueueKind::Quorum && self.broker.limits_deliveries().await? {
            arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(-1));
        }
        self.declare_queue(queue, durable, arguments).await
    }

    async fn declare_exchange(&self, passive: bool) -> Result<(), Outage> {
        let options = ExchangeDeclareOptions {
            passive,
            durable: true,
            ..Default::default()
        };
        let exchange = self.broker.exchange.as_str().into();
        let fanout = ExchangeKind::Fanout;
        let declared =
            self.channel
                .exchange_declare(exchange, fanout, options, FieldTable::default());
        answer("declaring the exchange", declared).await
    }

    async fn declare_queue(
        &self,
        name: &str,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    ) -> Result<(), Outage> {
        let declared = self.channel.queue_declare(name.into(), options, arguments);
        answer("declaring a queue", declared).await.map(drop)
    }

    /// Whether it was done. If the broker refused it with `code`, it was not, and there is a new channel.
    async fn or_refused(
        &mut self,
        done: Result<(), Outage>,
        code: AMQPSoftError,
    ) -> Result<bool, Outage> {
        match done {
            Ok(()) => Ok(true),
            Err(outage) if outage.is_refusal(&code) => {
                self.channel =
                    answer("opening a channel", self.connection.create_channel()).await?;
                Ok(false)
            }
            Err(outage) => Err(outage),
        }
    }
}

impl Outage {
    fn is_refusal(&self, code: &AMQPSoftError) -> bool {
        let Self::Lost(error) = self else {
            return false;
        };
        match error.kind() {
            lapin::ErrorKind::ProtocolError(refused) => {
                matches!(refused.kind(), AMQPErrorKind::Soft(soft) if soft == code)
            }
            _ => false,
        }
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
