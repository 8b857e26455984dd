//! What starts a fault that is not started by the clock: a state of the system, or a message that passes.

use std::fmt::{Formatter, Result as Written};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// As a scenario writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum When {
    /// `"20 events are held"`.
    State(String),
    /// A message.
    Message(Message),
}

/// Told apart by their form, so that a mistake in a message's keys is told as what it is.
impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = When;

            fn expecting(&self, f: &mut Formatter<'_>) -> Written {
                f.write_str("\"20 events are held\" or { edge = \"api -> postgres\", event = \"committed\" }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<When, E> {
                Ok(When::State(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                Message::deserialize(MapAccessDeserializer::new(map)).map(When::Message)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A message that passes an edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Where: `"api -> postgres"`. Of a fault of an edge it may be left out: that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// Which kind: `"commit"`, `"committed"`, `"publish"`, `"confirm"`, `"deliver"`, `"ack"`, … (`lab faults` lists them).
    pub event: String,
    /// The first that is meant, from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// Counted over the edge (`"kind"`, without this), or within each `"connection"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Of these only: text that its own text has, or a pattern with `%`. A COMMIT has the text of its whole transaction, an
    /// answer that of its question, a message its exchange, routing key and properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
    /// Of these only: those whose fingerprint is this, as `cargo lab sweep --dry` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// `"before"` it goes on, which is without this, or `"after"`: then its bytes have left, and nothing more is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// So many in all, one after the other.
    #[serde(default = "one")]
    pub times: u64,
}

fn one() -> u64 {
    1
}
