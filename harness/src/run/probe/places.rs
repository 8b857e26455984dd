//! All places of a message in which something stands, as target files address them.

use serde_json::Value;

use crate::run::heard::message::{Header, Message};

/// So deep, and so many, are looked at in a body.
const DEEP: usize = 8;
const MANY: usize = 500;

/// A place and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Its address.
    pub address: String,
    /// What stands there, without the quotes of JSON.
    pub bytes: Vec<u8>,
}

impl Spot {
    /// As text, if it is some.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// A whole number, if it is one.
    pub fn number(&self) -> Option<i64> {
        self.text()?.trim().parse().ok()
    }
}

/// Whether the body is JSON that has parts.
pub fn has_parts(body: &[u8]) -> bool {
    matches!(
        serde_json::from_slice(body),
        Ok(Value::Object(_) | Value::Array(_))
    )
}

/// Every place of a message: its properties, its headers, its key, and what its body consists of.
pub fn spots(message: &Message) -> Vec<Spot> {
    let mut all = Vec::new();
    let mut note = |address: String, bytes: Vec<u8>| all.push(Spot { address, bytes });
    for (property, text) in &message.properties {
        note(
            format!("property:{}", property.name()),
            text.clone().into_bytes(),
        );
    }
    // What has a # in its name cannot be addressed.
    for (name, header) in message
        .headers
        .iter()
        .filter(|(name, _)| !name.contains('#'))
    {
        let outer = format!("header:{name}");
        let parsed = match header {
            Header::Value(value) => Some(value.clone()),
            Header::Bytes(bytes) => serde_json::from_slice(bytes).ok(),
        };
        if let Some(value @ (Value::Object(_) | Value::Array(_))) = parsed {
            walk(&value, "", 0, &mut |pointer, text| {
                note(format!("{outer}#{pointer}"), text)
            });
        }
        note(outer, header.bytes());
    }
    note(
        "routing_key".to_owned(),
        message.routing_key.clone().into_bytes(),
    );
    if let Ok(body @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(&message.body) {
        walk(&body, "", 0, &mut |pointer, text| {
            let inner = serde_json::from_slice(&text);
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = inner {
                walk(&inner, "", 0, &mut |within, text| {
                    note(format!("body:{pointer}#{within}"), text)
                });
            }
            note(format!("body:{pointer}"), text);
        });
    }
    all.truncate(MANY);
    all
}

/// Tells each scalar of a value and where it is.
fn walk(value: &Value, pointer: &str, depth: usize, tell: &mut dyn FnMut(&str, Vec<u8>)) {
    if depth > DEEP {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(value, &format!("{pointer}/{name}"), depth + 1, tell);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                walk(value, &format!("{pointer}/{at}"), depth + 1, tell);
            }
        }
        Value::Null => {}
        Value::String(text) => tell(pointer, text.clone().into_bytes()),
        other => tell(pointer, other.to_string().into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        ask::target::address::{Address, Property},
        run::heard::address,
    };

    #[test]
    fn each_place_is_addressed_so_that_what_stands_there_is_read() {
        let inner = json!({ "id": "b-2" }).to_string();
        let body = json!({ "a/b": { "c": [1, "two"] }, "payload": inner, "none": null });
        let message = Message {
            routing_key: "order.placed".to_owned(),
            properties: [(Property::MessageId, "m-1".to_owned())].into(),
            headers: [
                (
                    "id".to_owned(),
                    Header::Bytes(br#"{"payload":"h-1"}"#.to_vec()),
                ),
                ("n".to_owned(), Header::Value(json!(3))),
            ]
            .into(),
            body: body.to_string().into_bytes(),
            ..Message::default()
        };
        let spots = spots(&message);
        for spot in &spots {
            let there = Address::try_from(spot.address.clone()).expect(&spot.address);
            assert_eq!(
                address::read(&there, &message),
                Ok(spot.bytes.clone()),
                "{there}"
            );
        }
        let addresses: Vec<&str> = spots.iter().map(|spot| spot.address.as_str()).collect();
        for wanted in [
            "property:message_id",
            "header:id#/payload",
            "header:n",
            "routing_key",
            "body:/a~1b/c/1",
            "body:/payload#/id",
        ] {
            assert!(addresses.contains(&wanted), "{wanted}: {addresses:?}");
        }
    }
}
