//! Rows out of the columns that the ledger keeps. A column that is missing is taken from the row before; where there is
//! none, from nothing: keys must always be there, the rest of a key-only row is never looked at.

use uuid::Uuid;

use crate::history::{Columns, Item, Key, instant};
use crate::judge::auction::{
    bid::{Bid, placed},
    contract,
};

/// A row that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("no checker knows the table {0:?}")]
    Table(String),
    #[error("the column {0} is missing")]
    Missing(&'static str),
    #[error("the column {column} is {text:?}")]
    Column { column: &'static str, text: String },
}

/// A row of `outbox_events`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutboxEvent {
    pub id: Uuid,
    pub status: String,
    pub key: Key,
    pub n: i64,
    pub lane: i16,
    pub claim_token: Option<i64>,
    /// Its place in the queue; not in every lab's histories.
    pub position: Option<i64>,
    /// It waits for an earlier event of its auction.
    pub held: bool,
    /// The decoded payload, or why it could not be decoded.
    pub item: Result<Item, String>,
}

/// A row of `inbox`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Received {
    pub id: Uuid,
    pub key: Key,
    pub n: i64,
    pub applied: bool,
}

/// A row of `standings`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub key: Key,
    pub last_sequence: i64,
}

/// A row of `relay_lanes`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lane {
    pub number: i16,
    pub owner: Option<Uuid>,
    pub token: i64,
    /// Microseconds since the Unix epoch; the ends of the range are Postgres' infinities.
    pub lease_until_us: i64,
    pub draining: bool,
    /// How often its events were recalled.
    pub recalls: i64,
}

impl Lane {
    /// As the migration makes it.
    pub const FREE: Self = Self {
        number: -1,
        owner: None,
        token: 0,
        lease_until_us: i64::MIN,
        draining: false,
        recalls: 0,
    };
}

pub(super) fn bid(columns: &Columns, before: Option<&Item>) -> Result<(Uuid, Item), Malformed> {
    let id = key(columns, "bid_id")?;
    let user_id = before.map(|b| b.user_id().to_owned());
    let content = placed(
        or(columns, "user_id", user_id, parsed)?,
        or(columns, "amount", before.map(Bid::amount), parsed)?,
        or(columns, "placed_at", before.map(Bid::placed_at_us), instant)?,
    );
    let row = Item {
        id,
        key: or(columns, "auction_id", before.map(|b| b.key), parsed)?,
        n: or(columns, "sequence", before.map(|b| b.n), parsed)?,
        content,
    };
    Ok((id, row))
}

pub(super) fn event(
    columns: &Columns,
    before: Option<&OutboxEvent>,
) -> Result<(Uuid, OutboxEvent), Malformed> {
    let id = key(columns, "id")?;
    let text = |name: &str| columns.get(name).cloned().flatten();
    let item = match (text("event_type"), text("payload"), before) {
        (Some(event_type), Some(payload), _) => contract::payload(&event_type, &payload),
        (_, _, Some(before)) => before.item.clone(),
        _ => Err("the payload was not kept".to_owned()),
    };
    let row = OutboxEvent {
        id,
        status: or(columns, "status", before.map(|b| b.status.clone()), parsed)?,
        key: or(columns, "auction_id", before.map(|b| b.key), parsed)?,
        n: or(columns, "sequence", before.map(|b| b.n), parsed)?,
        lane: or(columns, "lane", before.map(|b| b.lane), parsed)?,
        claim_token: or_null(
            columns,
            "claim_token",
            before.map(|b| b.claim_token),
            parsed,
        )?,
        position: or_null(columns, "position", before.map(|b| b.position), parsed)?,
        held: or(columns, "held", before.map(|b| b.held), boolean)?,
        item,
    };
    Ok((id, row))
}

pub(super) fn received(
    columns: &Columns,
    before: Option<&Received>,
) -> Result<(Uuid, Received), Malformed> {
    let id = key(columns, "bid_id")?;
    let row = Received {
        id,
        key: or(columns, "auction_id", before.map(|b| b.key), parsed)?,
        n: or(columns, "sequence", before.map(|b| b.n), parsed)?,
        applied: match columns.get("applied_at") {
            Some(at) => at.is_some(),
            None => before.is_some_and(|b| b.applied),
        },
    };
    Ok((id, row))
}

pub(super) fn standing(
    columns: &Columns,
    before: Option<&Standing>,
) -> Result<(Key, Standing), Malformed> {
    let auction = key(columns, "auction_id")?;
    let before = before.map(|b| b.last_sequence);
    let row = Standing {
        key: auction,
        last_sequence: or(columns, "last_sequence", before, parsed)?,
    };
    Ok((auction, row))
}

pub(super) fn lane(columns: &Columns, before: Option<&Lane>) -> Result<(i16, Lane), Malformed> {
    let number = key(columns, "lane")?;
    let row = Lane {
        number,
        owner: or_null(columns, "owner", before.map(|b| b.owner), parsed)?,
        token: or(columns, "token", before.map(|b| b.token), parsed)?,
        lease_until_us: or(
            columns,
            "lease_until",
            before.map(|b| b.lease_until_us),
            instant,
        )?,
        draining: or(columns, "draining", before.map(|b| b.draining), boolean)?,
        recalls: or(columns, "recalls", before.map(|b| b.recalls), parsed)?,
    };
    Ok((number, row))
}

fn key<T: std::str::FromStr>(columns: &Columns, column: &'static str) -> Result<T, Malformed> {
    or_null(columns, column, None, parsed)?.ok_or(Malformed::Missing(column))
}

/// A column that is never NULL.
fn or<T: Default>(
    columns: &Columns,
    column: &'static str,
    before: Option<T>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, Malformed> {
    Ok(or_null(columns, column, before.map(Some), read)?.unwrap_or_default())
}

fn or_null<T>(
    columns: &Columns,
    column: &'static str,
    before: Option<Option<T>>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Malformed> {
    match columns.get(column) {
        Some(Some(text)) => match read(text) {
            Some(value) => Ok(Some(value)),
            None => Err(Malformed::Column {
                column,
                text: text.clone(),
            }),
        },
        Some(None) => Ok(None),
        None => Ok(before.flatten()),
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
