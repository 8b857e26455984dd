//! A delivery in this consumer's hands.

use lapin::message::Delivery;
use tracing::Span;

use crate::{
    broker::header,
    events,
    inbox::{self, ReceivedBid},
    traces,
};

/// A delivery that makes sense, until it is acked or rejected.
pub(super) struct Held {
    pub delivery: Delivery,
    pub bid: ReceivedBid,
    pub span: Span,
}

/// What a delivery says of itself, for a log line: whoever sent it may have said anything, or nothing.
#[derive(Default)]
pub(super) struct Ids<'d> {
    pub event: Option<&'d str>,
    pub auction: Option<&'d str>,
    pub bid: Option<&'d str>,
    pub trace: Option<&'d str>,
}

impl<'d> Ids<'d> {
    /// Reads a delivery's properties.
    pub fn of(delivery: &'d Delivery) -> Self {
        let id = delivery.properties.message_id().as_ref();
        Self {
            event: id.map(|id| id.as_str()),
            auction: header(delivery, "auction_id"),
            bid: header(delivery, "bid_id"),
            trace: traces::carried(delivery).and_then(traces::trace_id),
        }
    }
}

/// The bid that a delivery announces, or why it announces none.
pub(super) fn decode(delivery: &Delivery) -> Result<ReceivedBid, String> {
    let kind = delivery
        .properties
        .kind()
        .as_ref()
        .map(|kind| kind.as_str());
    if kind != Some(events::BID_PLACED) {
        return Err(format!(
            "message type is {kind:?}, not {}",
            events::BID_PLACED
        ));
    }
    let event = events::from_wire(&delivery.data).map_err(|error| error.to_string())?;
    event
        .try_into()
        .map_err(|nonsense: inbox::Nonsense| nonsense.to_string())
}
