//! Bids as the API shows them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    history::{Item, Key},
    judge::auction::bid::placed,
};

/// A bid in an answer's body.
#[derive(Debug, Deserialize)]
pub(super) struct ShownBid {
    pub bid_id: Uuid,
    pub auction_id: Key,
    pub user_id: String,
    pub amount: i64,
    pub sequence: i64,
    pub placed_at: DateTime<Utc>,
}

impl From<ShownBid> for Item {
    fn from(bid: ShownBid) -> Self {
        Self {
            id: bid.bid_id,
            key: bid.auction_id,
            n: bid.sequence,
            content: placed(bid.user_id, bid.amount, bid.placed_at.timestamp_micros()),
        }
    }
}
