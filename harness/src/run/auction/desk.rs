//! The lab's own place at the broker, around all faults: how many messages wait in a queue, and the fence.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::timeout;

use super::{topology::EXCHANGE, witness::FENCE};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A connection to the run's vhost.
pub(in crate::run) struct Desk {
    channel: Channel,
    _connection: Connection,
}

impl Desk {
    pub async fn open(amqp_url: &str) -> Result<Self> {
        let properties = ConnectionProperties::default().with_connection_name("lab desk".into());
        let open = async {
            let connection = Connection::connect(amqp_url, properties).await?;
            let channel = connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            Ok::<_, lapin::Error>(Self {
                channel,
                _connection: connection,
            })
        };
        timeout(ANSWER_WITHIN, open)
            .await
            .with_context(|| format!("the broker did not let the lab in within {ANSWER_WITHIN:?}"))?
            .context("connecting the lab to the broker")
    }

    /// How many messages wait in a queue. The broker answers for this moment; those in consumers' hands are not among them.
    pub async fn waiting(&self, queue: &str) -> Result<u64> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let declare = self
            .channel
            .queue_declare(queue.into(), passive, FieldTable::default());
        let declared = timeout(ANSWER_WITHIN, declare)
            .await
            .with_context(|| format!("the broker was silent about {queue} for {ANSWER_WITHIN:?}"))?
            .with_context(|| format!("asking for the queue {queue}"))?;
        Ok(u64::from(declared.message_count()))
    }

    /// Has a queue take messages that are no events, past every exchange of the service's. Says how many.
    pub async fn nonsense(&self, queue: &str) -> Result<u64> {
        let typed = |kind: &str| BasicProperties::default().with_type(kind.into());
        // Bytes that are no message, a message that says nothing, one of another kind.
        let messages = [
            (typed("auction.v1.BidPlaced"), &b"\xff\xfe\xfd"[..]),
            (typed("auction.v1.BidPlaced"), b""),
            (typed("weather.v1.Rain"), b"drops"),
        ];
        for (properties, body) in &messages {
            // The default exchange routes by queue name.
            self.publish("", queue, body, properties.clone()).await?;
        }
        Ok(messages.len() as u64)
    }

    /// Publishes the fence: whoever reads it has read all that was routed before it.
    pub async fn fence(&self) -> Result<()> {
        let fence = BasicProperties::default().with_type(FENCE.into());
        self.publish(EXCHANGE, "", b"", fence)
            .await
            .context("publishing the fence")
    }

    /// Publishes one message, and sees that some queue has it.
    async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<()> {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let publish = async {
            let confirm = self.channel.basic_publish(
                exchange.into(),
                key.into(),
                mandatory,
                body,
                properties,
            );
            confirm.await?.await
        };
        let confirmed = timeout(ANSWER_WITHIN, publish)
            .await
            .with_context(|| format!("no confirm came within {ANSWER_WITHIN:?}"))??;
        ensure!(
            matches!(confirmed, Confirmation::Ack(None)),
            "the broker would not take it: {confirmed:?}"
        );
        Ok(())
    }
}
