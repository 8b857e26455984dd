//! How much waits in the consumer's queue, asked on a channel of its own: also while a batch waits for the database.

use std::{convert::Infallible, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use crate::{
    broker::{Link, Outage, answer, waiting},
    metrics::ConsumerMetrics,
};

const EVERY: Duration = Duration::from_secs(5);

/// Keeps the gauge current for as long as the connection lives.
pub(super) async fn watch(link: &Link, queue: &str, metrics: &ConsumerMetrics) -> Infallible {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match ask(link, queue).await {
            Ok(messages) => {
                metrics.queue_messages.set(messages.into());
            }
            // The connection's end is somebody else's to notice.
            Err(outage) => debug!(%outage, queue, "the queue's depth is not known"),
        }
    }
}

/// A queue that is gone closes the channel that asks for it: not the one with the deliveries.
async fn ask(link: &Link, queue: &str) -> Result<u32, Outage> {
    let channel = answer("opening a channel", link.connection.create_channel()).await?;
    let messages = waiting(&channel, queue).await?;
    answer("closing a channel", channel.close(200, "".into())).await?;
    Ok(messages)
}
