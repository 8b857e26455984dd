//! Connections to RabbitMQ.

use std::time::Duration;

use anyhow::{Context, Result};
use lapin::{Channel, Connection, ConnectionProperties};

use super::{
    bug::{Bug, fires},
    within,
};

/// Where events go; whoever wants them binds a queue.
pub const EXCHANGE: &str = "zoo.orders";
/// How long the broker may take for an answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A connection with a channel.
pub async fn connect(url: &str, who: &str) -> Result<(Connection, Channel)> {
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}heartbeat=30");
    let properties = ConnectionProperties::default().with_connection_name(who.into());
    let open = async {
        let connection = Connection::connect(&url, properties).await?;
        let channel = connection.create_channel().await?;
        Ok::<_, lapin::Error>((connection, channel))
    };
    let opened = match fires(Bug::NoConnectTimeout) {
        true => open.await,
        false => within(ANSWER_WITHIN, open).await?,
    };
    opened.context("connecting to the broker")
}

/// Closes politely, if the broker answers.
pub async fn hang_up(connection: &Connection) {
    let _ = within(ANSWER_WITHIN / 2, connection.close(200, "done".into())).await;
}
