//! The fence: a message of the lab's own through each place. Whoever reads it has read all that was routed there before.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::{
    BasicProperties, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::time::timeout;

use super::place::Place;

/// The AMQP `type` of the lab's own messages.
pub const FENCE: &str = "lab.fence";
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Publishes a fence called `name` to each place, around all faults, and sees that some queue has it.
pub(super) async fn publish(
    amqp_url: &str,
    places: impl Iterator<Item = &Place>,
    name: &str,
) -> Result<()> {
    let properties = ConnectionProperties::default().with_connection_name("lab fence".into());
    let open = async {
        let connection = Connection::connect(amqp_url, properties).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok::<_, lapin::Error>((connection, channel))
    };
    let (connection, channel) = timeout(ANSWER_WITHIN, open)
        .await
        .with_context(|| format!("the broker did not let the lab in within {ANSWER_WITHIN:?}"))?
        .context("connecting the lab to the broker")?;
    for place in places {
        let (exchange, key, headers) = place.way();
        let fence = BasicProperties::default()
            .with_type(FENCE.into())
            .with_message_id(name.into())
            .with_headers(headers);
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let publish = async {
            let confirm = channel.basic_publish(exchange.into(), key.into(), mandatory, b"", fence);
            confirm.await?.await
        };
        let confirmed = timeout(ANSWER_WITHIN, publish)
            .await
            .with_context(|| format!("no confirm came within {ANSWER_WITHIN:?}"))
            .and_then(|confirmed| Ok(confirmed?))
            .with_context(|| format!("publishing the fence for {place}"))?;
        ensure!(
            matches!(confirmed, Confirmation::Ack(None)),
            "the broker would not take the fence for {place}: {confirmed:?}"
        );
    }
    // Everything is confirmed: how the connection ends changes nothing.
    let _ = timeout(ANSWER_WITHIN, connection.close(200, "".into())).await;
    Ok(())
}
