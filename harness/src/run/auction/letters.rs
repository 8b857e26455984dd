//! What is done to the consumer's queue: a limit of deliveries, as RabbitMQ 4 has one unless it is told otherwise, and
//! messages of a third party.

use anyhow::Result;

use super::{
    desk::Desk,
    topology::{DEAD, QUEUE},
};
use crate::run::own_servers::OwnServers;

/// So often a message may be returned.
const RETURNS: u32 = 3;
const POLICY: &str = "lab-limits";

impl OwnServers {
    /// Has the consumer's queue give up what is returned more than a few times. Read back.
    pub async fn limit_deliveries(&self) -> Result<&'static str> {
        let limit = serde_json::json!({ "delivery-limit": RETURNS });
        let management = self.management();
        management
            .limit(self.vhost(), POLICY, QUEUE, &limit)
            .await?;
        Ok("deliveries_limited")
    }

    /// Undoes [`limit_deliveries`](Self::limit_deliveries).
    pub async fn unlimit_deliveries(&self) -> Result<()> {
        self.management().unlimit(self.vhost(), POLICY).await
    }

    /// How many messages the queue has given up.
    pub async fn given_up(&self) -> Result<u64> {
        let desk = Desk::open(&self.amqp_url()).await?;
        desk.waiting(DEAD).await
    }

    /// Sends the consumer what is no event. Says how many messages its queue took.
    pub async fn send_nonsense(&self) -> Result<u64> {
        Desk::open(&self.amqp_url()).await?.nonsense(QUEUE).await
    }
}
