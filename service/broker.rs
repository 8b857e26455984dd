//! RabbitMQ: connections with a deadline, and the topology that publisher and consumer agree on.

use std::time::Duration;

use lapin::{Channel, Connection, ConnectionProperties, message::Delivery, types::AMQPValue};
use tracing::warn;

mod address;
mod line;
mod topology;
mod version;

pub use address::BrokerAddress;
pub use topology::Declare;
pub(crate) use topology::waiting;

use line::Line;
pub(crate) use line::prepare;

/// How long connecting, opening a channel or declaring may take, each.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long the broker may take to say goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Where RabbitMQ is and what is declared there.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Where it is.
    pub address: BrokerAddress,
    /// Heartbeat in seconds: a dead connection is noticed after about two.
    pub heartbeat: u16,
    /// Durable fanout exchange that all events go to.
    pub exchange: String,
    /// The consumer's durable queue.
    pub queue: String,
    /// Kind of the consumer's queue and its dead-letter queue, where they are created.
    pub queue_kind: QueueKind,
    /// What is declared of all this.
    pub declare: Declare,
}

/// What the dead-letter queue's name ends with.
pub(crate) const DEAD_LETTERS: &str = ".dead";

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
    /// No answer in time.
    #[error("RabbitMQ did not answer within {0:?} while {1}")]
    Silent(Duration, &'static str),
    /// The connection or channel is gone, or the broker refused.
    #[error("RabbitMQ: {0}")]
    Lost(#[from] lapin::Error),
    /// Whatever it is, it is no broker that is spoken to in the clear.
    #[error("what answers does not speak AMQP (is this a port for amqps://?)")]
    Foreign,
    /// Something is missing and may not be created.
    #[error("RabbitMQ has no queue {0}, and does not let this user create it")]
    NotAllowed(String),
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

/// The text of a value, whichever of AMQP's two kinds it is.
pub(crate) fn text_of(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The text of a delivery's header.
pub(crate) fn header<'d>(delivery: &'d Delivery, name: &str) -> Option<&'d str> {
    let headers = delivery.properties.headers().as_ref()?;
    text_of(headers.inner().get(name)?)
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

/// A connection. However it is given up, nothing of it is left behind.
pub(crate) struct Link {
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
        format!("{}{DEAD_LETTERS}", self.queue)
    }

    /// Opens a connection named `role` with one channel, and declares the topology.
    pub(crate) async fn open(&self, role: &str) -> Result<(Link, Channel), Outage> {
        let link = self.connect(role).await?;
        let channel = topology::declare(self, &link.connection).await?;
        Ok((link, channel))
    }

    /// Whether the broker gives messages up that were returned too often, unless it is told otherwise.
    async fn limits_deliveries(&self) -> Result<bool, Outage> {
        let major = async { Ok(version::major(&self.address).await?) };
        let major = answer("saying its version", major).await?;
        if major.is_none() {
            warn!(
                "RabbitMQ does not say its version; its queues are created with its own delivery limit"
            );
        }
        Ok(major.is_some_and(|major| major >= 4))
    }

    /// Opens a connection named `role`.
    ///
    /// Without lapin's auto-recovery: it leaves confirms unanswered for a whole outage, while a lost connection fails
    /// them at once.
    pub(crate) async fn connect(&self, role: &str) -> Result<Link, Outage> {
        let properties =
            ConnectionProperties::default().with_connection_name(role.to_owned().into());
        let dial = Line::connect(&self.address, self.heartbeat, properties, ANSWER_WITHIN);
        let (connection, line) = match answer("connecting", dial).await {
            Err(Outage::Lost(error)) if is_gibberish(&error) => return Err(Outage::Foreign),
            met => met?,
        };
        Ok(Link {
            connection,
            _line: line,
        })
    }
}

fn is_gibberish(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ParsingError(_))
}
