//! What stands at an address in a message.

use serde_json::Value;

use super::message::{Header, Message, text};
use crate::ask::target::address::{Address, Pointer};

/// The bytes that stand there, without the quotes of JSON; or why there are none.
pub fn read(address: &Address, message: &Message) -> Result<Vec<u8>, String> {
    match address {
        Address::RoutingKey => Ok(message.routing_key.clone().into_bytes()),
        Address::Property(property) => {
            let found = message.property(*property);
            let found = found.map(|text| text.as_bytes().to_vec());
            found.ok_or_else(|| "the message does not have it".to_owned())
        }
        Address::Header { name, within } => header(message, name, within.as_ref()),
        Address::Body { pointer, within } => {
            let body: Value = serde_json::from_slice(&message.body)
                .map_err(|error| format!("the body is no JSON ({error})"))?;
            let found = pointed(&body, pointer, "the body")?;
            match within {
                None => Ok(text(found)),
                Some(within) => inside(found, within, pointer.as_str()),
            }
        }
        Address::Pattern(pattern) => {
            let caught = pattern.get().captures(&message.body);
            let caught = caught.and_then(|groups| groups.get(1));
            let caught = caught.map(|group| group.as_bytes().to_vec());
            caught.ok_or_else(|| "it matches nothing of the body".to_owned())
        }
    }
}

fn header(message: &Message, name: &str, within: Option<&Pointer>) -> Result<Vec<u8>, String> {
    let Some(header) = message.headers.get(name) else {
        let there: Vec<&str> = message.headers.keys().map(String::as_str).collect();
        return Err(match there.is_empty() {
            true => "the message has no headers".to_owned(),
            false => format!("the message has no such header, but {}", there.join(", ")),
        });
    };
    match (header, within) {
        (header, None) => Ok(header.bytes()),
        (Header::Value(value), Some(pointer)) => inside(value, pointer, name),
        (Header::Bytes(bytes), Some(pointer)) => {
            inside(&String::from_utf8_lossy(bytes).into(), pointer, name)
        }
    }
}

/// What a pointer leads to in the JSON that a string holds, or in what is no string.
fn inside(value: &Value, pointer: &Pointer, place: &str) -> Result<Vec<u8>, String> {
    let Value::String(held) = value else {
        return pointed(value, pointer, place).map(text);
    };
    let held: Value = serde_json::from_str(held)
        .map_err(|error| format!("what stands at {place} is no JSON ({error})"))?;
    pointed(&held, pointer, place).map(text)
}

fn pointed<'v>(value: &'v Value, pointer: &Pointer, place: &str) -> Result<&'v Value, String> {
    value
        .pointer(pointer.as_str())
        .ok_or_else(|| format!("there is nothing at {} in {place}", pointer.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ask::target::address::Property;

    fn at(address: &str, message: &Message) -> Result<String, String> {
        let address = Address::try_from(address.to_owned()).expect("an address");
        read(&address, message).map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    fn saying(body: &[u8]) -> Message {
        Message {
            routing_key: "order.placed".to_owned(),
            properties: [(Property::MessageId, "m-1".to_owned())].into(),
            headers: [
                ("id".to_owned(), Header::Bytes(b"h-1".to_vec())),
                (
                    "schema".to_owned(),
                    Header::Bytes(br#"{"payload":"h-2"}"#.to_vec()),
                ),
                ("table".to_owned(), Header::Value(json!({ "a": [7] }))),
                ("count".to_owned(), Header::Value(json!(3))),
            ]
            .into(),
            body: body.to_vec(),
            ..Message::default()
        }
    }

    #[test]
    fn each_form_of_an_address_leads_to_its_value() {
        let inner = json!({ "id": "b-2", "n": 4 }).to_string();
        let body =
            json!({ "message": { "order/id": "b-1" }, "payload": inner, "list": [{ "n": 5 }] });
        let message = saying(body.to_string().as_bytes());
        for (address, found) in [
            ("property:message_id", "m-1"),
            ("routing_key", "order.placed"),
            ("header:id", "h-1"),
            ("header:schema#/payload", "h-2"),
            ("header:table#/a/0", "7"),
            ("header:count", "3"),
            ("body:/message/order~1id", "b-1"),
            ("body:/payload#/id", "b-2"),
            ("body:/payload#/n", "4"),
            ("body:/list#/0/n", "5"),
            (r#"body:~"order/id":"([^"]*)"~"#, "b-1"),
        ] {
            assert_eq!(at(address, &message).as_deref(), Ok(found), "{address}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_read_by_a_pattern_and_by_nothing_else() {
        let message = saying(b"\x0a\x03abc\xff");
        assert_eq!(at(r"body:~\A\n\x03(...)~", &message).as_deref(), Ok("abc"));
        let said = at("body:/id", &message).unwrap_err();
        assert!(said.starts_with("the body is no JSON"), "{said}");
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let message = saying(b"{\"payload\":\"no json\",\"a\":null}");
        for (address, said) in [
            ("property:type", "does not have it"),
            ("header:no", "but count, id, schema, table"),
            ("header:id#/a", "no JSON"),
            ("body:/b", "nothing at /b"),
            ("body:/payload#/id", "at /payload is no JSON"),
            ("body:~(zzz)~", "matches nothing"),
        ] {
            let found = at(address, &message).unwrap_err();
            assert!(found.contains(said), "{address}: {found}");
        }
        assert_eq!(at("body:/a", &message).as_deref(), Ok("null"));
        let found = at("header:id", &Message::default()).unwrap_err();
        assert_eq!(found, "the message has no headers");
    }
}
