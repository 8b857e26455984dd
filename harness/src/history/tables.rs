//! The tables at one instant.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::EventSeen;

/// The tables at one instant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Taken after recovery (or after its budget ran out), when nothing is in flight.
    pub last: bool,
    /// Table `bids`.
    pub bids: Vec<BidRow>,
    /// Table `outbox_events`.
    pub events: Vec<EventRow>,
    /// Table `inbox`.
    pub inbox: Vec<InboxRow>,
    /// Table `standings`.
    pub standings: Vec<StandingRow>,
    /// Messages in the dead-letter queue; only counted in the last snapshot.
    pub dead_letters: u64,
    /// How often the broker delivered to the service's consumer again what it had delivered before; only counted in
    /// the last snapshot.
    #[serde(default)]
    pub redelivered_to_consumer: u64,
}

/// A row of `bids`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct BidRow {
    /// The bid.
    pub bid_id: Uuid,
    /// Its auction.
    pub auction_id: Uuid,
    /// The bidder.
    pub user_id: String,
    /// Minor units.
    pub amount: i64,
    /// Its place in the auction.
    pub sequence: i64,
    /// Microseconds since the Unix epoch, by the database's clock; from format 2 on.
    #[serde(default)]
    pub placed_at_us: i64,
}

/// A row of `outbox_events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// The event.
    pub id: Uuid,
    /// `pending`, `processing`, `published` or `failed`.
    pub status: String,
    /// Claims so far.
    pub attempts: i32,
    /// The row's own column.
    pub auction_id: Uuid,
    /// The row's own column.
    pub sequence: i64,
    /// The decoded payload, or why it could not be decoded.
    pub payload: Result<EventSeen, String>,
}

/// A row of `inbox`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct InboxRow {
    /// The bid.
    pub bid_id: Uuid,
    /// Its auction.
    pub auction_id: Uuid,
    /// Its place in the auction.
    pub sequence: i64,
    /// The bidder; from format 2 on.
    #[serde(default)]
    pub user_id: String,
    /// Minor units.
    pub amount: i64,
    /// When the bid was placed, by the message; from format 2 on.
    #[serde(default)]
    pub placed_at_us: i64,
    /// False while parked.
    pub applied: bool,
}

/// A row of `standings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct StandingRow {
    /// The auction.
    pub auction_id: Uuid,
    /// The last applied place.
    pub last_sequence: i64,
    /// How many bids were applied.
    pub bid_count: i64,
    /// The bid with the highest applied amount; from format 2 on.
    #[serde(default)]
    pub highest_bid_id: Option<Uuid>,
    /// The highest applied amount, minor units.
    pub highest_amount: Option<i64>,
}
