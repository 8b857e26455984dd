//! The event contract (`proto/auction/v1/events.proto`): generated types, and how an event is named and encoded.

use prost::Message;

#[allow(clippy::all, missing_docs, unused_qualifications)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/auction.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/auction.v1.serde.rs"));
}

pub use generated::BidPlaced;

/// The AMQP `type` property and the outbox's `event_type` of [`BidPlaced`].
pub const BID_PLACED: &str = "auction.v1.BidPlaced";
/// The AMQP `content_type` of every published event.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// Why an outbox row cannot become a message. No retry mends it.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// The row's `event_type` is not one of this contract.
    #[error("unknown event type {0:?}")]
    UnknownType(String),
    /// The row's `payload` is not the canonical JSON of its type.
    #[error("payload is not {BID_PLACED}: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Decodes an outbox row's payload.
pub fn from_outbox(event_type: &str, payload: &[u8]) -> Result<BidPlaced, Undecodable> {
    match event_type {
        BID_PLACED => Ok(serde_json::from_slice(payload)?),
        other => Err(Undecodable::UnknownType(other.to_owned())),
    }
}

/// The bytes that go over the wire.
pub fn to_wire(event: &BidPlaced) -> Vec<u8> {
    event.encode_to_vec()
}

/// Decodes a message body.
pub fn from_wire(body: &[u8]) -> Result<BidPlaced, prost::DecodeError> {
    BidPlaced::decode(body)
}
