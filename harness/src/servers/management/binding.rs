//! A queue's binding, as it can be taken away and put back.

use serde_json::Value;

/// A queue's binding to an exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    exchange: String,
    queue: String,
    pub(super) key: String,
    pub(super) arguments: Value,
    /// What the management API calls it among those of the same two.
    pub(super) properties: String,
}

impl Binding {
    pub(super) fn read(listed: &Value) -> Option<Self> {
        let text = |name: &str| listed[name].as_str().map(str::to_owned);
        (listed["destination_type"] == "queue").then_some(())?;
        Some(Self {
            exchange: text("source")?,
            queue: text("destination")?,
            key: text("routing_key")?,
            arguments: listed["arguments"].clone(),
            properties: text("properties_key")?,
        })
    }

    /// The queue that is bound.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The same for another queue.
    #[must_use]
    pub fn of_queue(&self, queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            ..self.clone()
        }
    }

    pub(super) fn ends(&self) -> String {
        format!("e/{}/q/{}", self.exchange, self.queue)
    }
}
