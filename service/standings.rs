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

/// Applied bids that a feed cannot show any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Gap {
    /// Whose.
    pub auction_id: AuctionId,
    /// The bids after this sequence …
    pub after: i64,
    /// … up to this one are not kept for feeds any more. `GET /auctions/{auction_id}/bids` has them.
    pub until: i64,
}

/// What a feed shows next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// What it misses before that.
    pub gap: Option<Gap>,
    /// In order, without gaps.
    pub bids: Vec<Bid>,
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

/// The applied bids after a place, in order, at most `limit`, and what was purged before them.
pub async fn next_after(
    connection: &mut PgConnection,
    auction_id: AuctionId,
    after: i64,
    limit: i64,
) -> Result<Next, DatabaseError> {
    let bids = applied_after(connection, auction_id, after, limit).await?;
    let first = bids.first().map(|bid| bid.sequence);
    // Bids are applied without gaps, so that what is missing before another one was purged.
    if let Some(first) = first {
        let gap = gap(auction_id, after, first - 1);
        return Ok(Next { gap, bids });
    }
    // Nothing is there: because nothing was applied, or because all of it was purged. What the standing counts was there
    // to be read before it, or is gone.
    let last = standing(connection, auction_id).await?.last_sequence;
    if last <= after {
        return Ok(Next::default());
    }
    let bids = applied_after(connection, auction_id, after, limit).await?;
    let until = bids.first().map_or(last, |bid| bid.sequence - 1);
    let gap = gap(auction_id, after, until);
    Ok(Next { gap, bids })
}

fn gap(auction_id: AuctionId, after: i64, until: i64) -> Option<Gap> {
    (until > after).then_some(Gap {
        auction_id,
        after,
        until,
    })
}

async fn applied_after(
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
    Ok(without_holes(bids))
}

/// Up to the first place that is missing. It was purged, and is told as a gap before what comes after it.
fn without_holes(mut bids: Vec<Bid>) -> Vec<Bid> {
    let hole = bids
        .windows(2)
        .position(|pair| pair[1].sequence != pair[0].sequence + 1);
    if let Some(last) = hole {
        bids.truncate(last + 1);
    }
    bids
}
