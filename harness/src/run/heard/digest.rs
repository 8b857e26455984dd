//! What tells whether copies of one event are equal: a hash over all that consumers see of a message.
//!
//! FNV-1a of 128 bits, in hexadecimal, over a sequence of fields, each its length in eight bytes (big-endian) and its bytes:
//! for each property that is there, in the order of
//! [`Property`](crate::ask::target::address::Property), `p`, its name and its text; for each header, by name,
//! `h`, its name and its text; then `b` and the body. Nobody attacks it, and it must be the same in every lab that reads a
//! stored history.

use super::message::Message;

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Headers that the broker itself sets when it delivers again.
const OF_THE_BROKER: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

/// The hash of a message without the headers and properties that may differ between copies.
pub fn digest(message: &Message, ignored: &[String]) -> String {
    let is_ignored = |name: &str| ignored.iter().any(|known| known == name);
    let mut hash = Hash(OFFSET);
    for (property, text) in &message.properties {
        if !is_ignored(property.name()) {
            hash.fields([b"p", property.name().as_bytes(), text.as_bytes()]);
        }
    }
    for (name, header) in &message.headers {
        if !is_ignored(name) && !OF_THE_BROKER.contains(&name.as_str()) {
            hash.fields([b"h", name.as_bytes(), &header.bytes()]);
        }
    }
    hash.fields([&b"b"[..], &message.body]);
    format!("{:032x}", hash.0)
}

struct Hash(u128);

impl Hash {
    fn fields<const N: usize>(&mut self, fields: [&[u8]; N]) {
        for field in fields {
            self.bytes(&(field.len() as u64).to_be_bytes());
            self.bytes(field);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ask::target::address::Property, run::heard::message::Header};

    fn message() -> Message {
        let header = |text: &str| Header::Bytes(text.as_bytes().to_vec());
        Message {
            properties: [
                (Property::MessageId, "m".to_owned()),
                (Property::Timestamp, "7".to_owned()),
            ]
            .into(),
            headers: [
                ("attempt".to_owned(), header("1")),
                ("source".to_owned(), header("shop")),
            ]
            .into(),
            body: b"{}".to_vec(),
            ..Message::default()
        }
    }

    fn changed(change: impl FnOnce(&mut Message)) -> String {
        let mut message = message();
        change(&mut message);
        digest(&message, &["attempt".to_owned(), "timestamp".to_owned()])
    }

    /// Published with the algorithm.
    #[test]
    fn the_hash_is_fnv_1a_of_128_bits() {
        let mut hash = Hash(OFFSET);
        hash.bytes(b"foobar");
        assert_eq!(
            format!("{:032x}", hash.0),
            "343e1662793c64bf6f0d3597ba446f18"
        );
    }

    #[test]
    fn copies_are_equal_whatever_attempt_they_are_and_nothing_else_may_differ() {
        let one = changed(|_| {});
        assert_eq!(
            one,
            changed(|message| {
                message
                    .headers
                    .insert("attempt".to_owned(), Header::Bytes(b"2".to_vec()));
                message
                    .properties
                    .insert(Property::Timestamp, "8".to_owned());
                let count = Header::Value(serde_json::json!(1));
                message.headers.insert("x-delivery-count".to_owned(), count);
                message.redelivered = true;
            })
        );
        let others = [
            changed(|message| message.body.push(b' ')),
            changed(|message| _ = message.headers.remove("source")),
            changed(|message| _ = message.properties.remove(&Property::MessageId)),
            changed(|message| {
                message
                    .headers
                    .insert("more".to_owned(), Header::Bytes(Vec::new()));
            }),
        ];
        for other in others {
            assert_ne!(one, other);
        }
    }

    /// Stored histories are compared with later ones.
    #[test]
    fn a_digest_never_changes() {
        assert_eq!(digest(&message(), &[]), "142f738748f6180b53d0a205b31c7711");
    }
}
