//! A plain client of the broker, beside the service.

use std::time::Duration;

use anyhow::{Result, ensure};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
};
use outbox_service::events::{self, BidPlaced};
use uuid::Uuid;

use crate::{running::until, site::Site};

/// The consumer's queue, as shipped.
pub const QUEUE: &str = "auction.bids";
/// Its dead-letter queue.
pub const DEAD: &str = "auction.bids.dead";

/// A connection with a channel in confirm mode.
pub struct Post {
    pub connection: Connection,
    pub channel: Channel,
}

impl Post {
    pub async fn open(site: &Site) -> Result<Self> {
        let url = site.servers.amqp_url();
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            connection,
            channel,
        })
    }

    /// Puts a bid into the consumer's queue.
    pub async fn send(&self, bid: &BidPlaced) -> Result<()> {
        self.send_raw(&events::to_wire(bid)).await
    }

    /// Puts anything into the consumer's queue, under the name of a bid.
    pub async fn send_raw(&self, body: &[u8]) -> Result<()> {
        let properties = BasicProperties::default()
            .with_type(events::BID_PLACED.into())
            .with_delivery_mode(2);
        let confirm = self
            .channel
            .basic_publish(
                "".into(),
                QUEUE.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await?
            .await?;
        ensure!(confirm.is_ack(), "not confirmed");
        Ok(())
    }

    /// How many messages of a queue wait for a consumer.
    pub async fn waiting(&self, queue: &str) -> Result<u32> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let channel = self.connection.create_channel().await?;
        let state = channel
            .queue_declare(queue.into(), passive, Default::default())
            .await?;
        let waiting = state.message_count();
        channel.close(200, "".into()).await?;
        Ok(waiting)
    }

    /// Waits until so many messages of a queue wait for a consumer.
    pub async fn until_waiting(&self, queue: &str, messages: u32) -> Result<()> {
        until(&format!("{messages} messages in {queue}"), || async {
            let waiting = self.waiting(queue).await?;
            Ok((waiting == messages, waiting.to_string()))
        })
        .await?;
        // What was delivered a moment ago is still between two sockets.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let waiting = self.waiting(queue).await?;
        ensure!(waiting == messages, "then {waiting} messages in {queue}");
        Ok(())
    }
}

/// A bid at a place of an auction, under a name of its own.
pub fn bid(auction_id: Uuid, sequence: i64) -> BidPlaced {
    BidPlaced {
        bid_id: Uuid::now_v7().to_string(),
        user_id: "ann".to_owned(),
        amount: 1000 + sequence,
        timestamp: Some(chrono::DateTime::UNIX_EPOCH.into()),
        auction_id: auction_id.to_string(),
        sequence,
    }
}
