//! How RabbitMQ is reached, and what is looked for there.

use clap::{Args, value_parser};

use super::untold::Untold;
use crate::broker::{Broker, BrokerAddress, DEAD_LETTERS, Declare, QueueKind};

/// A name in AMQP is a short string.
const LONGEST_NAME: usize = 255;

/// How RabbitMQ is reached, and what is looked for there.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "RabbitMQ")]
pub(crate) struct BrokerArgs {
    /// RabbitMQ, as amqp://user:password@host:port/vhost (vhost "/" is %2f), or with TLS as
    /// amqps://…?cacertfile=FILE&certfile=FILE&keyfile=FILE.
    #[arg(
        long,
        env = "AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@localhost:5672/%2f",
        value_parser = Untold(BrokerAddress::read)
    )]
    amqp_url: BrokerAddress,
    /// Exchange that events are published to, of 1 to 255 bytes: durable, fanout.
    #[arg(long, env = "OUTBOX_EXCHANGE", default_value = "auction.events", value_parser = exchange)]
    exchange: String,
    /// The consumer's queue, of 1 to 250 bytes; its dead-letter queue is named after it, with ".dead".
    #[arg(long, env = "OUTBOX_QUEUE", default_value = "auction.bids", value_parser = queue)]
    queue: String,
    /// Type of the consumer's queue, where it is created.
    #[arg(long, env = "OUTBOX_QUEUE_KIND", value_enum, default_value = "quorum")]
    queue_kind: QueueKind,
    /// What is created of exchange, queue, dead-letter queue and binding where it is missing.
    #[arg(long, env = "OUTBOX_DECLARE", value_enum, default_value = "all")]
    declare: Declare,
    /// AMQP heartbeat in seconds, 1 to 3600; a dead connection is noticed after about two.
    #[arg(long, env = "OUTBOX_HEARTBEAT_S", default_value_t = 10, value_parser = value_parser!(u16).range(1..=3_600))]
    heartbeat_s: u16,
}

impl BrokerArgs {
    pub(crate) fn broker(&self) -> Broker {
        Broker {
            address: self.amqp_url.clone(),
            heartbeat: self.heartbeat_s,
            exchange: self.exchange.clone(),
            queue: self.queue.clone(),
            queue_kind: self.queue_kind,
            declare: self.declare,
        }
    }
}

fn exchange(text: &str) -> Result<String, String> {
    name(text, LONGEST_NAME)
}

fn queue(text: &str) -> Result<String, String> {
    name(text, LONGEST_NAME - DEAD_LETTERS.len())
}

fn name(text: &str, longest: usize) -> Result<String, String> {
    match text.len() {
        0 => Err("it is empty".to_owned()),
        bytes if bytes > longest => Err(format!("it has {bytes} bytes, and may have {longest}")),
        _ if text.starts_with("amq.") => {
            Err("names that begin with \"amq.\" are the broker's own".to_owned())
        }
        _ => Ok(text.to_owned()),
    }
}
