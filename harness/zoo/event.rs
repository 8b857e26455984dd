//! An event, as a row and as a message.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use lapin::{BasicProperties, types::ShortString};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::bug::{Bug, fires};

/// Does not outlive the broker.
const TRANSIENT: u8 = 1;
/// Does.
const PERSISTENT: u8 = 2;

/// What was ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Chosen by the client: an order that is asked for again is the same one.
    pub id: Uuid,
    /// Whose orders are shipped in the order in which they were stored.
    pub customer: String,
    /// In cents.
    pub amount: i64,
}

/// A row of the outbox.
#[derive(Debug, Clone, FromRow)]
pub struct Event {
    /// Its place: what is committed later has a higher one, within its customer.
    pub id: i64,
    /// What consumers tell copies by.
    pub event_id: Uuid,
    /// What has an order.
    pub customer: String,
    /// The order, if it can be read.
    pub payload: Json<serde_json::Value>,
    /// When the transaction that wrote it began.
    pub created_at: DateTime<Utc>,
}

impl Event {
    /// Its message's body; an error if none can be made of it.
    pub fn body(&self) -> Result<Vec<u8>> {
        let order: Order = serde_json::from_value(self.payload.0.clone())
            .with_context(|| format!("event {} is no order", self.id))?;
        let mut body = serde_json::to_value(order)?;
        if fires(Bug::BodyOfAttempt) {
            body["sent_at"] = Uuid::now_v7().to_string().into();
        }
        Ok(serde_json::to_vec(&body)?)
    }

    /// What its message says beside it. The place within its customer comes along.
    pub fn properties(&self) -> BasicProperties {
        let id = match () {
            () if fires(Bug::FreshMessageId) => Uuid::now_v7().to_string(),
            () if fires(Bug::MessageIdOfCustomer) => self.customer.clone(),
            () => self.event_id.to_string(),
        };
        let mode = match fires(Bug::TransientMessages) {
            true => TRANSIENT,
            false => PERSISTENT,
        };
        BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(mode)
            .with_message_id(ShortString::from(id))
            .with_correlation_id(ShortString::from(self.id.to_string()))
    }
}
