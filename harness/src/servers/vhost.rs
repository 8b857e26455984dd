//! A vhost, spoken to by AMQP around all edges: what is declared in it, and whether a queue is read.

use std::time::Duration;

use anyhow::{Context, Result};
use lapin::{
    Channel, Connection, ConnectionProperties, Error, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::FieldTable,
};
use tokio::time::timeout;

/// How the lab's own connections to a broker are called, before what each is for.
pub const LAB: &str = "lab ";
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A connection to a vhost.
pub struct Vhost {
    connection: Connection,
}

impl Vhost {
    /// Connects.
    pub async fn open(url: &str) -> Result<Self> {
        let name = format!("{LAB}vhost");
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connection = timeout(ANSWER_WITHIN, Connection::connect(url, properties))
            .await
            .with_context(|| format!("the broker did not let the lab in within {ANSWER_WITHIN:?}"))?
            .context("connecting the lab to the broker")?;
        Ok(Self { connection })
    }

    /// Declares a durable exchange, unless there is one of that name, whatever it is.
    pub async fn exchange(&self, name: &str, kind: &str) -> Result<()> {
        let declare = async |passive: bool| {
            let channel = self.connection.create_channel().await?;
            let options = ExchangeDeclareOptions {
                passive,
                durable: true,
                ..Default::default()
            };
            let kind = ExchangeKind::Custom(kind.to_owned());
            channel
                .exchange_declare(name.into(), kind, options, FieldTable::default())
                .await?;
            Ok(channel)
        };
        let declared = async {
            match declare(true).await {
                Err(error) if is_not_there(&error) => close(declare(false).await?).await,
                Ok(channel) => close(channel).await,
                Err(error) => Err(error),
            }
        };
        let declared = timeout(ANSWER_WITHIN, declared).await;
        declared
            .with_context(|| format!("the broker was silent about {name} for {ANSWER_WITHIN:?}"))?
            .with_context(|| format!("declaring the exchange {name}"))
    }

    /// Declares a durable queue, unless there is one of that name, whatever it is.
    pub async fn queue(&self, name: &str) -> Result<()> {
        if self.consumers(name).await?.is_some() {
            return Ok(());
        }
        let declared = async {
            let (channel, _) = self.declared(name, false).await?;
            close(channel).await
        };
        let declared = timeout(ANSWER_WITHIN, declared).await;
        declared
            .with_context(|| format!("the broker was silent about {name} for {ANSWER_WITHIN:?}"))?
            .with_context(|| format!("declaring the queue {name}"))
    }

    /// How many consumers a queue has; none if there is no such queue.
    pub async fn consumers(&self, queue: &str) -> Result<Option<u32>> {
        Ok(self.look(queue).await?.map(|(_, consumers)| consumers))
    }

    /// How many messages wait in a queue, those in consumers' hands not among them; none if there is no such queue.
    pub async fn waiting(&self, queue: &str) -> Result<Option<u32>> {
        Ok(self.look(queue).await?.map(|(waiting, _)| waiting))
    }

    /// Both.
    async fn look(&self, queue: &str) -> Result<Option<(u32, u32)>> {
        let asked = async {
            match self.declared(queue, true).await {
                Ok((channel, counted)) => close(channel).await.map(|()| Some(counted)),
                Err(error) if is_not_there(&error) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let asked = timeout(ANSWER_WITHIN, asked).await;
        asked
            .with_context(|| format!("the broker was silent about {queue} for {ANSWER_WITHIN:?}"))?
            .with_context(|| format!("asking for the queue {queue}"))
    }

    async fn declared(&self, queue: &str, passive: bool) -> Result<(Channel, (u32, u32)), Error> {
        let channel = self.connection.create_channel().await?;
        let options = QueueDeclareOptions {
            passive,
            durable: true,
            ..Default::default()
        };
        let declared = channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await?;
        let counted = (declared.message_count(), declared.consumer_count());
        Ok((channel, counted))
    }

    /// Ends the connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close(200, "".into()).await?)
    }
}

async fn close(channel: Channel) -> Result<(), Error> {
    channel.close(200, "".into()).await
}

fn is_not_there(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => {
            matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
        }
        _ => false,
    }
}
