//! A message as it came, in plain values.

use std::collections::BTreeMap;

use lapin::{BasicProperties, message::Delivery, types::AMQPValue};
use serde_json::Value;

use crate::ask::target::address::Property;

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What it was published to; empty for the default exchange.
    pub exchange: String,
    /// By which key.
    pub routing_key: String,
    /// Whether the broker says that it delivered it before.
    pub redelivered: bool,
    /// Its properties that are there, headers aside.
    pub properties: BTreeMap<Property, String>,
    /// Its headers.
    pub headers: BTreeMap<String, Header>,
    /// What it says.
    pub body: Vec<u8>,
}

/// What is in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// Text, which need not be UTF-8.
    Bytes(Vec<u8>),
    /// Anything else.
    Value(Value),
}

/// A message outlives a restart of the broker if its delivery mode says so.
const PERSISTENT: &str = "2";

impl Message {
    /// A property's text.
    pub fn property(&self, property: Property) -> Option<&str> {
        self.properties.get(&property).map(String::as_str)
    }

    /// Whether it outlives a restart of the broker, as far as it has a say in that.
    pub fn is_persistent(&self) -> bool {
        self.property(Property::DeliveryMode) == Some(PERSISTENT)
    }

    /// Every piece in which an id may stand.
    pub fn pieces(&self) -> Vec<Vec<u8>> {
        let properties = self
            .properties
            .values()
            .map(|text| text.as_bytes().to_vec());
        let headers = self.headers.values().map(Header::bytes);
        let key = self.routing_key.as_bytes().to_vec();
        let ends = [key, self.body.clone()];
        properties.chain(headers).chain(ends).collect()
    }
}

impl Header {
    /// As text: JSON for what is none.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Value(value) => text(value),
        }
    }
}

/// A value of JSON as whoever looks for one in it wants it: strings without their quotes.
pub(super) fn text(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

impl From<&Delivery> for Message {
    fn from(delivery: &Delivery) -> Self {
        let headers = delivery.properties.headers().as_ref();
        let headers = headers.map(|table| table.inner().iter());
        Self {
            exchange: delivery.exchange.to_string(),
            routing_key: delivery.routing_key.to_string(),
            redelivered: delivery.redelivered,
            properties: properties(&delivery.properties),
            headers: headers
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.to_string(), header(value)))
                .collect(),
            body: delivery.data.clone(),
        }
    }
}

fn properties(of: &BasicProperties) -> BTreeMap<Property, String> {
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    let all = [
        (Property::ContentType, text(of.content_type())),
        (Property::ContentEncoding, text(of.content_encoding())),
        (
            Property::DeliveryMode,
            of.delivery_mode().map(|mode| mode.to_string()),
        ),
        (
            Property::Priority,
            of.priority().map(|priority| priority.to_string()),
        ),
        (Property::CorrelationId, text(of.correlation_id())),
        (Property::ReplyTo, text(of.reply_to())),
        (Property::Expiration, text(of.expiration())),
        (Property::MessageId, text(of.message_id())),
        (
            Property::Timestamp,
            of.timestamp().map(|seconds| seconds.to_string()),
        ),
        (Property::Type, text(of.kind())),
        (Property::UserId, text(of.user_id())),
        (Property::AppId, text(of.app_id())),
    ];
    let there = all.into_iter();
    there
        .filter_map(|(property, text)| Some((property, text?)))
        .collect()
}

/// What stands in a header.
pub(super) fn header(value: &AMQPValue) -> Header {
    match value {
        AMQPValue::LongString(text) => Header::Bytes(text.as_bytes().to_vec()),
        AMQPValue::ShortString(text) => Header::Bytes(text.as_str().as_bytes().to_vec()),
        AMQPValue::ByteArray(bytes) => Header::Bytes(bytes.as_slice().to_vec()),
        other => Header::Value(json(other)),
    }
}

fn json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Void => Value::Null,
        AMQPValue::Boolean(truth) => (*truth).into(),
        AMQPValue::ShortShortInt(number) => (*number).into(),
        AMQPValue::ShortShortUInt(number) => (*number).into(),
        AMQPValue::ShortInt(number) => (*number).into(),
        AMQPValue::ShortUInt(number) => (*number).into(),
        AMQPValue::LongInt(number) => (*number).into(),
        AMQPValue::LongUInt(number) => (*number).into(),
        AMQPValue::LongLongInt(number) => (*number).into(),
        AMQPValue::Timestamp(seconds) => (*seconds).into(),
        AMQPValue::Float(number) => f64::from(*number).into(),
        AMQPValue::Double(number) => (*number).into(),
        AMQPValue::DecimalValue(number) => format!("{}e-{}", number.value, number.scale).into(),
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::LongString(text) => bytes(text.as_bytes()),
        AMQPValue::ByteArray(array) => bytes(array.as_slice()),
        AMQPValue::FieldArray(array) => array.as_slice().iter().map(json).collect(),
        AMQPValue::FieldTable(table) => {
            let fields = table.inner().iter();
            Value::Object(
                fields
                    .map(|(name, value)| (name.to_string(), json(value)))
                    .collect(),
            )
        }
    }
}

/// Text, or in hexadecimal what is none.
fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldTable;

    use super::*;

    #[test]
    fn a_delivery_is_read_with_all_that_it_carries() {
        let mut inner = FieldTable::default();
        inner.insert("b".into(), AMQPValue::LongLongInt(4));
        let mut headers = FieldTable::default();
        headers.insert("text".into(), AMQPValue::LongString("a".into()));
        headers.insert("raw".into(), AMQPValue::ByteArray(vec![0xff].into()));
        headers.insert("nested".into(), AMQPValue::FieldTable(inner));
        let mut delivery = Delivery::mock(1, "e".into(), "k".into(), true, b"body".to_vec());
        delivery.properties = BasicProperties::default()
            .with_message_id("m".into())
            .with_delivery_mode(2)
            .with_timestamp(7)
            .with_type("t".into())
            .with_headers(headers);
        let message = Message::from(&delivery);
        assert_eq!(
            (
                message.exchange.as_str(),
                message.routing_key.as_str(),
                message.redelivered
            ),
            ("e", "k", true)
        );
        assert_eq!(message.property(Property::Timestamp), Some("7"));
        assert!(message.is_persistent());
        assert_eq!(message.headers["text"], Header::Bytes(b"a".to_vec()));
        assert_eq!(message.headers["raw"], Header::Bytes(vec![0xff]));
        assert_eq!(message.headers["nested"].bytes(), b"{\"b\":4}");
        let pieces = message.pieces();
        for piece in [&b"m"[..], b"t", b"a", b"k", b"body"] {
            assert!(pieces.iter().any(|known| known == piece));
        }
    }
}
