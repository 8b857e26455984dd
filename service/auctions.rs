//! Auctions: what they are made of, and the only SQL that creates and reads them. Bids move them (`bids.rs`).

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::database::DatabaseError;
use crate::from_json::from_json;
use crate::identity::AuctionId;
use crate::money::{Amount, Currency};

/// What an auction is about: 1 to 200 characters, none of them NUL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$")]
pub struct Title(String);

/// When an auction stops taking bids: RFC 3339 with an offset, in UTC of the years 1970 to 9999. Kept to the microsecond; one
/// that is past opens an auction that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(
    value_type = String,
    format = DateTime,
    pattern = r"^(19[7-9]\d|[2-9]\d{3})-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$",
    example = "2030-01-31T18:00:00Z"
)]
pub struct ClosingTime(DateTime<Utc>);

/// An auction that somebody wants to hold.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuction {
    /// What it is about.
    pub title: Title,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// What the first bid must reach.
    pub starting_price: Amount,
    /// When it stops taking bids, by the database's clock.
    pub closes_at: ClosingTime,
}

/// An auction as it stands.
#[derive(Clone, Debug, Serialize, sqlx::FromRow, ToSchema)]
pub struct Auction {
    /// Its name.
    pub auction_id: AuctionId,
    /// What it is about.
    pub title: Title,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// What the first bid must reach.
    pub starting_price: Amount,
    /// When it stops taking bids.
    pub closes_at: ClosingTime,
    /// Whether it still took bids when this was read.
    pub open: bool,
    /// How many bids it has; also the sequence of the last one.
    pub bid_count: i64,
    /// What the next bid must beat.
    pub highest_amount: Option<Amount>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Opens an auction.
pub async fn create(
    connection: &mut PgConnection,
    auction: &NewAuction,
) -> Result<Auction, DatabaseError> {
    let created = sqlx::query_as(
        "INSERT INTO auctions (auction_id, title, currency, starting_price, closes_at)
         VALUES ($1, $2, $3, $4, $5)
         RETURNING auction_id, title, currency, starting_price, closes_at, clock_timestamp() < closes_at AS open,
                   last_sequence AS bid_count, highest_amount, created_at",
    )
    .bind(AuctionId::generate())
    .bind(&auction.title)
    .bind(&auction.currency)
    .bind(auction.starting_price)
    .bind(auction.closes_at)
    .fetch_one(connection)
    .await?;
    Ok(created)
}

/// Reads an auction, if there is one of that name.
pub async fn get(
    connection: &mut PgConnection,
    auction_id: AuctionId,
) -> Result<Option<Auction>, DatabaseError> {
    let found = sqlx::query_as(
        "SELECT auction_id, title, currency, starting_price, closes_at, clock_timestamp() < closes_at AS open,
                last_sequence AS bid_count, highest_amount, created_at
         FROM auctions WHERE auction_id = $1",
    )
    .bind(auction_id)
    .fetch_optional(connection)
    .await?;
    Ok(found)
}

/// Why a text is not a [`Title`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a title has 1 to 200 characters, none of them NUL")]
pub struct NotATitle;

impl Title {
    const MAX_CHARS: usize = 200;
}

impl TryFrom<String> for Title {
    type Error = NotATitle;

    fn try_from(text: String) -> Result<Self, NotATitle> {
        let fits = (1..=Self::MAX_CHARS).contains(&text.chars().count());
        // Postgres cannot store NUL in a text.
        if fits && !text.contains('\0') {
            Ok(Self(text))
        } else {
            Err(NotATitle)
        }
    }
}

/// Why a text is not a [`ClosingTime`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a closing time is RFC 3339 with an offset, in the years 1970 to 9999")]
pub struct NotAClosingTime;

impl TryFrom<String> for ClosingTime {
    type Error = NotAClosingTime;

    fn try_from(text: String) -> Result<Self, NotAClosingTime> {
        let moment = DateTime::parse_from_rfc3339(&text).map_err(|_| NotAClosingTime)?;
        // A leap second is the first instant of the next minute: no clock here shows it.
        let moment = DateTime::from_timestamp_micros(moment.timestamp_micros());
        let moment = moment.ok_or(NotAClosingTime)?;
        if (1970..=9999).contains(&moment.year()) {
            Ok(Self(moment))
        } else {
            Err(NotAClosingTime)
        }
    }
}

from_json!(Title, String, NotATitle);
from_json!(ClosingTime, String, NotAClosingTime);

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(text: &str) -> Result<ClosingTime, NotAClosingTime> {
        ClosingTime::try_from(text.to_owned())
    }

    #[test]
    fn a_closing_time_is_one_that_postgres_can_store() {
        assert!(closing("2030-01-31T18:00:00Z").is_ok());
        assert_eq!(
            closing("2030-01-31T18:00:00+02:00"),
            closing("2030-01-31T16:00:00Z")
        );
        assert_eq!(
            closing("2030-01-01T00:00:00.1234567Z"),
            closing("2030-01-01T00:00:00.123456Z")
        );
        assert_eq!(
            closing("2030-12-31T23:59:60.5Z"),
            closing("2031-01-01T00:00:00.5Z")
        );
        for wrong in [
            "",
            "tomorrow",
            "2030-01-31",
            "2030-01-31T18:00:00",
            "2030-02-31T18:00:00Z",
            "300000-01-01T00:00:00Z",
            "+300000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "9999-12-31T23:59:60Z",
        ] {
            assert!(closing(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_title_counts_characters_and_refuses_nul() {
        assert!(Title::try_from("é".repeat(200)).is_ok());
        assert!(Title::try_from("é".repeat(201)).is_err());
        assert!(Title::try_from(String::new()).is_err());
        assert!(Title::try_from("a\0".to_owned()).is_err());
    }
}
