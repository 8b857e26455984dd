//! Bids: the rules that one must pass, and the one transaction that records it together with its event.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::database::DatabaseError;
use crate::events::BidPlaced;
use crate::identity::{AuctionId, BidId, UserId};
use crate::money::Amount;
use crate::outbox;

/// A bid that somebody wants to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBid {
    /// Makes a retry the same bid.
    pub bid_id: BidId,
    /// Where.
    pub auction_id: AuctionId,
    /// Who.
    pub user_id: UserId,
    /// How much.
    pub amount: Amount,
}

/// A bid that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct Bid {
    /// Its name.
    pub bid_id: BidId,
    /// Where.
    pub auction_id: AuctionId,
    /// Who.
    pub user_id: UserId,
    /// How much.
    pub amount: Amount,
    /// Its place in the auction: 1, 2, 3, … without gaps.
    pub sequence: i64,
    /// When, by the database's clock.
    pub placed_at: DateTime<Utc>,
}

/// The answer to an accepted bid.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The bid as recorded.
    pub bid: Bid,
    /// Whether an earlier request had placed it; this one changed nothing.
    pub repeated: bool,
}

/// Why a bid does not count. Nothing of it was recorded, except that the outcome of a failed commit is not known.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// No auction has that name.
    #[error("there is no such auction")]
    AuctionNotFound,
    /// The auction's time was up.
    #[error("the auction is closed")]
    Closed,
    /// It must be more than the highest bid.
    #[error("a bid must be more than {}", .0.minor_units())]
    NotHighest(Amount),
    /// The first bid must reach the starting price.
    #[error("the first bid must be at least {}", .0.minor_units())]
    BelowStart(Amount),
    /// The name is taken by a bid of other content.
    #[error("the bid_id belongs to another bid")]
    Conflict,
    /// Postgres failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for PlaceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

#[derive(sqlx::FromRow)]
struct UnderLock {
    starting_price: Amount,
    highest_amount: Option<Amount>,
    open: bool,
    now: DateTime<Utc>,
}

/// Places a bid and appends its event. Runs inside the caller's transaction ([`crate::database::Database::transaction`]);
/// after an error the caller rolls back.
///
/// A repeat is recognised even when the bid would be refused today: outbid, or after the close. Only a refused bid needs
/// to be looked up, for a repeat never passes the rules: the highest amount is at least its own.
pub async fn place(
    connection: &mut PgConnection,
    bid: &NewBid,
    traceparent: Option<&str>,
) -> Result<Placed, PlaceError> {
    let stand = lock(connection, bid.auction_id)
        .await?
        .ok_or(PlaceError::AuctionNotFound)?;
    if let Err(refused) = judge(&stand, bid.amount) {
        return match find(connection, bid.bid_id).await? {
            Some(earlier) if same_content(&earlier, bid) => Ok(Placed {
                bid: earlier,
                repeated: true,
            }),
            Some(_) => Err(PlaceError::Conflict),
            None => Err(refused),
        };
    }
    let bid = record(connection, bid, stand.now).await?;
    outbox::append(connection, &announce(&bid), traceparent).await?;
    Ok(Placed {
        bid,
        repeated: false,
    })
}

/// The bids of an auction after a place, in order, at most `limit`.
pub async fn list(
    connection: &mut PgConnection,
    auction_id: AuctionId,
    after: i64,
    limit: i64,
) -> Result<Vec<Bid>, DatabaseError> {
    let bids = sqlx::query_as(
        "SELECT bid_id, auction_id, user_id, amount, sequence, placed_at FROM bids
         WHERE auction_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
    )
    .bind(auction_id)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(bids)
}

/// Takes the auction's row lock, under which everything else happens. The clock is read outside the locking query, so
/// that the time spent waiting for the lock counts.
async fn lock(
    connection: &mut PgConnection,
    auction_id: AuctionId,
) -> Result<Option<UnderLock>, sqlx::Error> {
    sqlx::query_as(
        "WITH locked AS MATERIALIZED (
             SELECT starting_price, highest_amount, closes_at FROM auctions WHERE auction_id = $1 FOR UPDATE
         ), clocked AS MATERIALIZED (
             SELECT starting_price, highest_amount, closes_at, clock_timestamp() AS now FROM locked
         )
         SELECT starting_price, highest_amount, now < closes_at AS open, now FROM clocked",
    )
    .bind(auction_id)
    .fetch_optional(connection)
    .await
}

fn judge(stand: &UnderLock, amount: Amount) -> Result<(), PlaceError> {
    match stand.highest_amount {
        _ if !stand.open => Err(PlaceError::Closed),
        Some(highest) if amount <= highest => Err(PlaceError::NotHighest(highest)),
        None if amount < stand.starting_price => Err(PlaceError::BelowStart(stand.starting_price)),
        _ => Ok(()),
    }
}

/// A statement of its own after [`lock`]: one that waited for the lock would look for the bid in a snapshot from before.
async fn find(connection: &mut PgConnection, bid_id: BidId) -> Result<Option<Bid>, sqlx::Error> {
    sqlx::query_as(
        "SELECT bid_id, auction_id, user_id, amount, sequence, placed_at FROM bids WHERE bid_id = $1",
    )
    .bind(bid_id)
    .fetch_optional(connection)
    .await
}

/// Draws the next place and fills it. The primary key has the last word on whose `bid_id` it is: the same name in
/// another auction is under another lock.
async fn record(
    connection: &mut PgConnection,
    bid: &NewBid,
    placed_at: DateTime<Utc>,
) -> Result<Bid, PlaceError> {
    sqlx::query_as(
        "WITH drawn AS (
             UPDATE auctions SET last_sequence = last_sequence + 1, highest_amount = $4
             WHERE auction_id = $2 RETURNING last_sequence
         )
         INSERT INTO bids (bid_id, auction_id, user_id, amount, sequence, placed_at)
         SELECT $1, $2, $3, $4, last_sequence, $5 FROM drawn
         RETURNING bid_id, auction_id, user_id, amount, sequence, placed_at",
    )
    .bind(bid.bid_id)
    .bind(bid.auction_id)
    .bind(&bid.user_id)
    .bind(bid.amount)
    .bind(placed_at)
    .fetch_one(connection)
    .await
    .map_err(|error| match DatabaseError::from(error) {
        taken if taken.constraint() == Some("bids_pkey") => PlaceError::Conflict,
        failed => PlaceError::Database(failed),
    })
}

fn same_content(earlier: &Bid, bid: &NewBid) -> bool {
    earlier.auction_id == bid.auction_id
        && earlier.user_id == bid.user_id
        && earlier.amount == bid.amount
}

fn announce(bid: &Bid) -> BidPlaced {
    BidPlaced {
        bid_id: bid.bid_id.to_string(),
        user_id: bid.user_id.as_str().to_owned(),
        amount: bid.amount.minor_units(),
        timestamp: Some(bid.placed_at.into()),
        auction_id: bid.auction_id.to_string(),
        sequence: bid.sequence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(units: i64) -> Amount {
        Amount::try_from(units).expect("positive")
    }

    fn stand(highest: Option<i64>, open: bool) -> UnderLock {
        UnderLock {
            starting_price: amount(100),
            highest_amount: highest.map(amount),
            open,
            now: Utc::now(),
        }
    }

    #[test]
    fn the_first_bid_must_reach_the_starting_price() {
        assert!(judge(&stand(None, true), amount(100)).is_ok());
        assert!(matches!(
            judge(&stand(None, true), amount(99)),
            Err(PlaceError::BelowStart(_))
        ));
    }

    #[test]
    fn a_later_bid_must_beat_the_highest() {
        assert!(judge(&stand(Some(500), true), amount(501)).is_ok());
        assert!(matches!(
            judge(&stand(Some(500), true), amount(500)),
            Err(PlaceError::NotHighest(_))
        ));
    }

    #[test]
    fn a_closed_auction_takes_no_bid_however_high() {
        assert!(matches!(
            judge(&stand(None, false), amount(i64::MAX)),
            Err(PlaceError::Closed)
        ));
    }
}
