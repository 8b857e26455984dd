//! The event contract as its readers know it: `proto/auction/v1/events.proto`, by reflection on its descriptors. The judge
//! decodes with this and with nothing of the service's, so that a mistake that the service makes both when it writes and
//! when it reads does not cancel out.
//!
//! Stricter than a consumer has to be: whatever the contract does not say is said here, never skipped.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use uuid::Uuid;

use super::bid::placed;
use crate::history::{Item, Key};

/// The AMQP `type` property and the outbox's `event_type`.
pub const EVENT_TYPE: &str = "auction.v1.BidPlaced";
/// The AMQP `content_type`.
pub const CONTENT_TYPE: &str = "application/x-protobuf";
/// The AMQP `delivery_mode`: a message that outlives the broker.
pub const DELIVERY_MODE: u8 = 2;
/// The most that a bidder's name may have.
const USER_ID_CHARS: usize = 128;

/// How an event breaks its contract.
#[derive(Debug, thiserror::Error)]
pub enum Breach {
    /// The bytes are not a message of this type.
    #[error("not a {EVENT_TYPE}: {0}")]
    Wire(#[from] prost::DecodeError),
    /// The text is not JSON, or names what the contract does not have.
    #[error("not the JSON of a {EVENT_TYPE}: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON that a parser may take, and that no writer of canonical JSON makes.
    #[error("not canonical JSON: {field} is {found}, not {canonical}")]
    NotCanonical {
        /// The field, as found.
        field: String,
        /// Its value, as found.
        found: serde_json::Value,
        /// What it should be.
        canonical: serde_json::Value,
    },
    /// An outbox row of a type that the contract does not have.
    #[error("event_type is {0:?}, not {EVENT_TYPE:?}")]
    EventType(String),
    /// Fields with numbers that the contract does not have.
    #[error("{message} has fields that the contract does not know: numbers {numbers:?}")]
    UnknownFields {
        /// The message's type.
        message: String,
        /// Their numbers.
        numbers: Vec<u32>,
    },
    /// A field without the value that it must have.
    #[error("{field} {is}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong.
        is: String,
    },
}

static BID_PLACED: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let descriptors = include_bytes!(concat!(env!("OUT_DIR"), "/contract.bin"));
    DescriptorPool::decode(descriptors.as_slice())
        .expect("the build script wrote descriptors")
        .get_message_by_name(EVENT_TYPE)
        .expect("the contract has this message: a test reads it")
});

/// Reads a message's body.
pub fn from_wire(body: &[u8]) -> Result<Item, Breach> {
    seen(&DynamicMessage::decode(BID_PLACED.clone(), body)?)
}

/// Reads an outbox row: its `event_type`, and its payload in protobuf's canonical JSON.
pub fn from_json(event_type: &str, payload: &str) -> Result<Item, Breach> {
    if event_type != EVENT_TYPE {
        return Err(Breach::EventType(event_type.to_owned()));
    }
    let mut json = serde_json::Deserializer::from_str(payload);
    let message = DynamicMessage::deserialize(BID_PLACED.clone(), &mut json)?;
    json.end()?;
    canonical(&message, &serde_json::from_str(payload)?)?;
    seen(&message)
}

/// What an outbox row announces, or why that cannot be told.
pub fn payload(event_type: &str, payload: &str) -> Result<Item, String> {
    from_json(event_type, payload).map_err(|breach| breach.to_string())
}

/// Parsers must take more than writers may write: 64-bit integers as numbers, names as the schema spells them, defaults
/// spelt out. What was read is written again, and compared.
fn canonical(message: &DynamicMessage, found: &serde_json::Value) -> Result<(), Breach> {
    let written = serde_json::to_value(message)?;
    let fields = found.as_object().into_iter().flatten();
    for (field, found) in fields {
        // Any offset from UTC names the same instant, and the instant is what is compared later.
        if field == "timestamp" {
            continue;
        }
        let canonical = &written[field];
        if canonical != found {
            return Err(Breach::NotCanonical {
                field: field.clone(),
                found: found.clone(),
                canonical: canonical.clone(),
            });
        }
    }
    Ok(())
}

fn seen(event: &DynamicMessage) -> Result<Item, Breach> {
    nothing_unknown(event)?;
    let user_id = text(event, "user_id")?;
    if !(1..=USER_ID_CHARS).contains(&user_id.chars().count()) {
        let is = format!("has {} characters", user_id.chars().count());
        return Err(breach("user_id", is));
    }
    Ok(Item {
        id: id(event, "bid_id")?,
        key: Key(id(event, "auction_id")?),
        n: positive(event, "sequence")?,
        content: placed(user_id, positive(event, "amount")?, instant(event)?),
    })
}

fn breach(field: &'static str, is: impl Into<String>) -> Breach {
    Breach::Field {
        field,
        is: is.into(),
    }
}

fn nothing_unknown(message: &DynamicMessage) -> Result<(), Breach> {
    let numbers: Vec<u32> = message
        .unknown_fields()
        .map(|field| field.number())
        .collect();
    if numbers.is_empty() {
        return Ok(());
    }
    let message = prost_reflect::ReflectMessage::descriptor(message);
    Err(Breach::UnknownFields {
        message: message.full_name().to_owned(),
        numbers,
    })
}

fn value<T>(
    message: &DynamicMessage,
    field: &'static str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, Breach> {
    let value = message.get_field_by_name(field);
    let value = value.ok_or_else(|| breach(field, "is not in the contract"))?;
    read(&value).ok_or_else(|| breach(field, "has another type in the contract"))
}

fn text(event: &DynamicMessage, field: &'static str) -> Result<String, Breach> {
    value(event, field, |value| value.as_str().map(str::to_owned))
}

/// A UUID has many spellings and one canonical form, which is what consumers compare.
fn id(event: &DynamicMessage, field: &'static str) -> Result<Uuid, Breach> {
    let text = text(event, field)?;
    match text.parse::<Uuid>() {
        Ok(id) if id.to_string() == text => Ok(id),
        _ => Err(breach(
            field,
            format!("is {text:?}, no UUID in canonical form"),
        )),
    }
}

fn positive(event: &DynamicMessage, field: &'static str) -> Result<i64, Breach> {
    match value(event, field, Value::as_i64)? {
        number if number > 0 => Ok(number),
        number => Err(breach(field, format!("is {number}, not greater than zero"))),
    }
}

/// Microseconds since the Unix epoch.
fn instant(event: &DynamicMessage) -> Result<i64, Breach> {
    const FIELD: &str = "timestamp";
    if !event.has_field_by_name(FIELD) {
        return Err(breach(FIELD, "is missing"));
    }
    let at = value(event, FIELD, |value| value.as_message().cloned())?;
    nothing_unknown(&at)?;
    let seconds = value(&at, "seconds", Value::as_i64)?;
    let nanos = value(&at, "nanos", Value::as_i32)?;
    let micros = i64::from(nanos / 1_000);
    if !(0..1_000_000_000).contains(&nanos) || nanos % 1_000 != 0 {
        let is = format!("has {nanos} ns beside its seconds, no whole microseconds below a second");
        return Err(breach(FIELD, is));
    }
    let whole = seconds.checked_mul(1_000_000);
    whole
        .and_then(|whole| whole.checked_add(micros))
        .ok_or_else(|| breach(FIELD, format!("is {seconds} s from 1970, out of all range")))
}

#[cfg(test)]
mod tests;
