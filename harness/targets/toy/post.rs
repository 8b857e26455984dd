//! The broker: a channel with confirms, over which messages go and are known to have arrived.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{plant::Plant, table::Parcel};

/// How long the broker may take for an answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);
/// The header with the event's id, which is the same on every copy.
pub const HEADER: &str = "parcel";
/// What the default exchange routes by.
const QUEUE: &str = "parcels";

const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

/// Connects within the time for an answer, and has a connection that has gone silent noticed.
pub async fn connect(url: &str, name: &str) -> Result<(Connection, Channel)> {
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}heartbeat=5");
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let open = async {
        let connection = Connection::connect(&url, properties).await?;
        let channel = connection.create_channel().await?;
        Ok::<_, lapin::Error>((connection, channel))
    };
    let opened = timeout(ANSWER_WITHIN, open).await;
    opened
        .context("the broker does not answer")?
        .context("connecting to the broker")
}

/// Closes politely, if the broker answers.
pub async fn hang_up(connection: &Connection) {
    let _ = timeout(GOODBYE_WITHIN, connection.close(200, "done".into())).await;
}

/// The same address, but for its host and port.
pub fn elsewhere(url: &str, broker: &str) -> Result<String, String> {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (user, rest) = rest.split_once('@')?;
        let (_, vhost) = rest.split_once('/')?;
        Some(format!("{scheme}://{user}@{broker}/{vhost}"))
    });
    parts.ok_or_else(|| format!("{url:?} is not amqp://user:password@host:port/vhost"))
}

/// Where messages go.
pub struct Post {
    connection: Connection,
    channel: Channel,
    exchange: String,
    plant: Option<Plant>,
}

impl Post {
    pub async fn open(url: &str, exchange: Option<&str>, plant: Option<Plant>) -> Result<Self> {
        let (connection, channel) = connect(url, "toy-outbox relay").await?;
        if plant != Some(Plant::NoConfirms) {
            let confirms = channel.confirm_select(ConfirmSelectOptions::default());
            timeout(ANSWER_WITHIN, confirms)
                .await
                .context("the broker does not answer")??;
        }
        Ok(Self {
            connection,
            channel,
            exchange: exchange.unwrap_or_default().to_owned(),
            plant,
        })
    }

    /// Hands a message to the broker, which has it only when that is confirmed.
    pub async fn send(&self, parcel: &Parcel) -> Result<PublisherConfirm> {
        let id = match self.plant {
            Some(Plant::NewIdPerAttempt) => Uuid::now_v7(),
            _ => parcel.tag,
        };
        let mode = match self.plant {
            Some(Plant::Transient) => TRANSIENT,
            _ => PERSISTENT,
        };
        let mut headers = FieldTable::default();
        let id = AMQPValue::LongString(id.to_string().into());
        headers.insert(HEADER.into(), id);
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_delivery_mode(mode)
            .with_headers(headers);
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let sent = self.channel.basic_publish(
            self.exchange.as_str().into(),
            QUEUE.into(),
            mandatory,
            parcel.note.as_bytes(),
            properties,
        );
        Ok(sent.await?)
    }

    /// Waits until the broker has all of them. A returned message is handed out with whichever confirm comes next, so that
    /// with one of them none is known to have arrived.
    pub async fn have_arrived(&self, sent: Vec<PublisherConfirm>) -> Result<()> {
        for confirmation in join_all(sent).await {
            match confirmation? {
                Confirmation::Ack(None) => {}
                Confirmation::NotRequested if self.plant == Some(Plant::NoConfirms) => {}
                Confirmation::Ack(Some(_)) => {
                    bail!("the broker returned a message: no queue takes it")
                }
                Confirmation::Nack(_) => bail!("the broker refused a message"),
                Confirmation::NotRequested => bail!("the broker confirms nothing"),
            }
        }
        Ok(())
    }

    pub async fn close(&self) {
        hang_up(&self.connection).await;
    }
}
