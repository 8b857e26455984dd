//! What the broker tells of a message that was published, on the exchange of its firehose.

use std::collections::BTreeMap;

use lapin::{
    message::Delivery,
    types::{AMQPValue, FieldTable},
};

use super::message::{Header, Message, header};
use crate::ask::target::address::Property;

/// The exchange on which a broker tells of messages, where it traces.
pub const FIREHOSE: &str = "amq.rabbitmq.trace";

/// The message that a delivery from the firehose tells of, as its publisher sent it; none if it tells of none.
pub fn traced(told: &Delivery) -> Option<Message> {
    let about = told.properties.headers().as_ref()?.inner();
    let value = |name: &str| about.get(name);
    let Some(AMQPValue::FieldTable(properties)) = value("properties") else {
        return None;
    };
    let routing_key = match value("routing_keys") {
        Some(AMQPValue::FieldArray(keys)) => keys.as_slice().first().map(text),
        _ => None,
    };
    Some(Message {
        exchange: text(value("exchange_name")?),
        routing_key: routing_key.unwrap_or_default(),
        redelivered: false,
        properties: properties_of(properties),
        headers: headers_of(properties),
        body: told.data.clone(),
    })
}

fn properties_of(told: &FieldTable) -> BTreeMap<Property, String> {
    let told = told.inner().iter();
    told.filter_map(|(name, value)| Some((Property::named(name.as_str())?, text(value))))
        .collect()
}

fn headers_of(told: &FieldTable) -> BTreeMap<String, Header> {
    match told.inner().get("headers") {
        Some(AMQPValue::FieldTable(headers)) => headers
            .inner()
            .iter()
            .map(|(name, value)| (name.to_string(), header(value)))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn text(value: &AMQPValue) -> String {
    String::from_utf8_lossy(&header(value).bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;

    use super::*;

    fn long(text: &str) -> AMQPValue {
        AMQPValue::LongString(text.into())
    }

    #[test]
    fn what_the_broker_tells_of_is_the_message_as_it_was_published() {
        let mut headers = FieldTable::default();
        headers.insert("parcel".into(), long("p-1"));
        let mut properties = FieldTable::default();
        properties.insert("message_id".into(), long("m-1"));
        properties.insert("delivery_mode".into(), AMQPValue::ShortShortUInt(2));
        properties.insert("headers".into(), AMQPValue::FieldTable(headers));
        let mut about = FieldTable::default();
        about.insert("exchange_name".into(), long("shop.events"));
        about.insert(
            "routing_keys".into(),
            AMQPValue::FieldArray(vec![long("order.placed")].into()),
        );
        about.insert("properties".into(), AMQPValue::FieldTable(properties));
        let mut told = Delivery::mock(
            1,
            FIREHOSE.into(),
            "publish.shop.events".into(),
            false,
            b"body".to_vec(),
        );
        told.properties = BasicProperties::default().with_headers(about);
        let message = traced(&told).expect("a message");
        assert_eq!(
            (message.exchange.as_str(), message.routing_key.as_str()),
            ("shop.events", "order.placed")
        );
        assert_eq!(message.property(Property::MessageId), Some("m-1"));
        assert!(message.is_persistent());
        assert_eq!(message.headers["parcel"], Header::Bytes(b"p-1".to_vec()));
        assert_eq!(message.body, b"body");
        told.properties = BasicProperties::default();
        assert_eq!(traced(&told), None, "it tells of nothing");
    }
}
