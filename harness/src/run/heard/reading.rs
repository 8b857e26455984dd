//! From a message to what was heard.

use super::{Heard, address, digest::digest, message::Message};
use crate::{
    ask::{
        id::{Id, Run},
        target::{address::Property, message},
    },
    run::about::{About, excerpt, number},
};

/// How a run's messages are read.
#[derive(Debug, Clone)]
pub struct Reading {
    rules: message::Message,
    run: Run,
}

impl Reading {
    /// By the rules of a target file, for a run's operations.
    pub fn new(rules: message::Message, run: Run) -> Self {
        Self { rules, run }
    }

    /// What a message says: once for each operation that it is about, and once for whatever is odd about it.
    pub fn of(&self, message: &Message) -> Vec<Heard> {
        let items = self.items(message);
        let about = items.iter().filter(|item| item.is_ok()).count() as u32;
        let dedup = self.rules.dedup_by.as_ref();
        let dedup = dedup.and_then(|address| address::read(address, message).ok());
        let digest = digest(message, &self.rules.ignore);
        let heard = items.into_iter().map(|item| Heard {
            item,
            about,
            dedup: dedup.as_deref().map(shown),
            digest: digest.clone(),
            persistent: message.is_persistent(),
            exchange: message.exchange.clone(),
            routing_key: message.routing_key.clone(),
            message_type: message.property(Property::Type).map(str::to_owned),
            redelivered: message.redelivered,
        });
        heard.collect()
    }

    fn items(&self, message: &Message) -> Vec<Result<crate::history::Item, String>> {
        let n = |id: Id| match &self.rules.n {
            None => Some(number(id)),
            Some(address) => {
                let found = address::read(address, message).ok()?;
                std::str::from_utf8(&found).ok()?.trim().parse().ok()
            }
        };
        let Some(strictly) = &self.rules.id else {
            let pieces = message.pieces();
            let about = About::of(pieces.iter().map(Vec::as_slice), self.run);
            return about.items(n, || nowhere(message));
        };
        match address::read(strictly, message) {
            Err(why) => vec![Err(format!("no id at {strictly}: {why}"))],
            Ok(found) => About::of([found.as_slice()], self.run).items(n, || {
                format!("no id at {strictly}: {} stands there", excerpt(&found))
            }),
        }
    }
}

fn nowhere(message: &Message) -> String {
    let packed = message.property(Property::ContentEncoding);
    let packed = packed.filter(|encoding| !encoding.eq_ignore_ascii_case("utf-8"));
    let why = packed.map_or_else(String::new, |encoding| {
        format!("; its body is {encoding}, which is not unpacked")
    });
    format!("no id in properties, headers, routing key or body{why}")
}

/// Text, or in hexadecimal what is none.
fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ask::target::address::Address,
        run::{about::item, heard::message::Header},
    };

    fn id(number: u32) -> Id {
        Id {
            run: Run::of(1),
            key: 3,
            number,
        }
    }

    fn at(address: &str) -> Option<Address> {
        Some(Address::try_from(address.to_owned()).expect("an address"))
    }

    fn saying(body: &str) -> Message {
        Message {
            body: body.as_bytes().to_vec(),
            exchange: "e".to_owned(),
            ..Message::default()
        }
    }

    fn read(rules: message::Message, message: &Message) -> Vec<Heard> {
        Reading::new(rules, Run::of(1)).of(message)
    }

    #[test]
    fn an_operation_is_heard_wherever_its_id_stands() {
        let mut by_header = saying("hello");
        let token = Header::Bytes(id(4).token().into_bytes());
        by_header.headers.insert("x".to_owned(), token);
        let mut by_number = saying("hello");
        let number = Header::Value(id(4).number().expect("a number").into());
        by_number.headers.insert("x".to_owned(), number);
        let mut by_property = saying("hello");
        by_property
            .properties
            .insert(Property::CorrelationId, id(4).uuid().to_string());
        let mut by_key = saying("hello");
        by_key.routing_key = format!("order.{}", id(4).uuid());
        let by_body = saying(&format!("<order>{}</order>", id(4).uuid()));
        for message in [by_header, by_number, by_property, by_key, by_body] {
            let heard = read(message::Message::default(), &message);
            assert_eq!(heard.len(), 1);
            assert_eq!(heard[0].item, Ok(item(id(4), 4)));
            assert_eq!((heard[0].about, heard[0].dedup.as_deref()), (1, None));
        }
    }

    #[test]
    fn a_batch_is_heard_once_for_each_operation() {
        let batch = saying(&format!("[\"{}\",\"{}\"]", id(1).uuid(), id(2).uuid()));
        let heard = read(message::Message::default(), &batch);
        let places: Vec<_> = heard
            .iter()
            .map(|one| one.item.clone().map(|item| item.n))
            .collect();
        assert_eq!(places, [Ok(1), Ok(2)]);
        assert!(
            heard
                .iter()
                .all(|one| one.about == 2 && one.digest == heard[0].digest)
        );
    }

    #[test]
    fn an_address_is_strict() {
        let rules = |address: &str| message::Message {
            id: at(address),
            ..Default::default()
        };
        let mut message = saying(&format!(
            "{{\"id\":\"{}\",\"trace\":\"{}\"}}",
            id(1).uuid(),
            id(2).uuid()
        ));
        let heard = read(rules("body:/id"), &message);
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].item, Ok(item(id(1), 1)));
        let nothing = read(rules("header:id"), &message);
        assert_eq!(
            nothing[0].item,
            Err("no id at header:id: the message has no headers".to_owned())
        );
        message
            .headers
            .insert("id".to_owned(), Header::Bytes(b"7".to_vec()));
        let another = read(rules("header:id"), &message);
        assert_eq!(
            another[0].item,
            Err("no id at header:id: \"7\" stands there".to_owned())
        );
    }

    #[test]
    fn what_names_nobody_says_why() {
        let mut message = saying("\u{1f}\u{8b}");
        let heard = read(message::Message::default(), &message);
        assert_eq!(
            (heard[0].item.clone().unwrap_err().as_str(), heard[0].about),
            ("no id in properties, headers, routing key or body", 0)
        );
        message
            .properties
            .insert(Property::ContentEncoding, "gzip".to_owned());
        let heard = read(message::Message::default(), &message);
        assert!(
            heard[0]
                .item
                .clone()
                .unwrap_err()
                .contains("gzip, which is not unpacked")
        );
    }

    #[test]
    fn a_place_in_the_message_goes_before_the_operations_number_and_may_be_missing() {
        let rules = message::Message {
            n: at("header:sequence"),
            dedup_by: at("property:message_id"),
            ..Default::default()
        };
        let mut message = saying(&id(1).uuid().to_string());
        let n = |message: &Message| {
            read(rules.clone(), message)[0]
                .item
                .as_ref()
                .ok()
                .map(|item| item.n)
        };
        assert_eq!(n(&message), None);
        message
            .headers
            .insert("sequence".to_owned(), Header::Value(17.into()));
        assert_eq!(n(&message), Some(17));
        message
            .headers
            .insert("sequence".to_owned(), Header::Bytes(b"18".to_vec()));
        assert_eq!(n(&message), Some(18));
        message
            .properties
            .insert(Property::MessageId, "m".to_owned());
        message
            .properties
            .insert(Property::DeliveryMode, "2".to_owned());
        message
            .properties
            .insert(Property::Type, "placed".to_owned());
        let heard = read(rules.clone(), &message).remove(0);
        assert_eq!(
            (
                heard.dedup.as_deref(),
                heard.message_type.as_deref(),
                heard.persistent
            ),
            (Some("m"), Some("placed"), true)
        );
    }
}
