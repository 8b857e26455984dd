//! Bids as the API shows them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::history::BidRow;

/// A bid in an answer's body.
#[derive(Debug, Deserialize)]
pub(super) struct ShownBid {
    pub bid_id: Uuid,
    pub auction_id: Uuid,
    pub user_id: String,
    pub amount: i64,
    pub sequence: i64,
    pub placed_at: DateTime<Utc>,
}

impl From<ShownBid> for BidRow {
    fn from(bid: ShownBid) -> Self {
        Self {
            bid_id: bid.bid_id,
            auction_id: bid.auction_id,
            user_id: bid.user_id,
            amount: bid.amount,
            sequence: bid.sequence,
            placed_at_us: bid.placed_at.timestamp_micros(),
        }
    }
}
