//! What the consumer applied, as the live feed shows it. Reads only; the inbox is written by the consumer.

use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::bids::Bid;
use crate::database::DatabaseError;
use crate::identity::{AuctionId, BidId};
use crate::money::Amount;

/// What the applied bids of an auction add up to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct Standing {
    /// Whose.
    pub auction_id: AuctionId,
    /// The place of the last applied bid; 0 before the first.
    pub last_sequence: i64,
    /// How many bids were applied.
    pub bid_count: i64,
    /// The leading bid.
    pub highest_bid_id: Option<BidId>,
    /// What it offers.
    pub highest_amount: Option<Amount>,
}

/// The standing of an auction; all zero while nothing was applied.
pub async fn standing(
    connection: &mut PgConnection,
    auction_id: AuctionId,
) -> Result<Standing, DatabaseError> {
    let found = sqlx::query_as(
        "SELECT auction_id, last_sequence, bid_count, highest_bid_id, highest_amount
         FROM standings WHERE auction_id = $1",
    )
    .bind(auction_id)
    .fetch_optional(connection)
    .await?;
    Ok(found.unwrap_or(Standing {
        auction_id,
        last_sequence: 0,
        bid_count: 0,
        highest_bid_id: None,
        highest_amount: None,
    }))
}

/// The applied bids after a place, in order, at most `limit`.
pub async fn applied_after(
    connection: &mut PgConnection,
    auction_id: AuctionId,
    after: i64,
    limit: i64,
) -> Result<Vec<Bid>, DatabaseError> {
    let bids = sqlx::query_as(
        "SELECT bid_id, auction_id, user_id, amount, sequence, placed_at FROM inbox
         WHERE auction_id = $1 AND sequence > $2 AND applied_at IS NOT NULL ORDER BY sequence LIMIT $3",
    )
    .bind(auction_id)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(bids)
}
