//! What the service calls what it has at the broker, by default.

/// Where events are sent.
pub(crate) const EXCHANGE: &str = "auction.events";
/// The consumer's queue.
pub(crate) const QUEUE: &str = "auction.bids";
/// What the consumer gave up.
pub(crate) const DEAD: &str = "auction.bids.dead";
