//! Rows as the log has them.

use chrono::DateTime;

use super::{OutboxRow, State, Story, lanes::lane_of};
use crate::history::{Change, Columns, Operation};
use crate::judge::auction::bid::Bid;

/// A row that is written.
pub(crate) fn change(table: &str, op: Operation, columns: &[(&str, Option<String>)]) -> Change {
    let columns = columns.iter().cloned();
    Change {
        table: table.to_owned(),
        op,
        row: columns
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        old_key: Columns::new(),
        ids: Vec::new(),
    }
}

/// A column that is not NULL.
pub(crate) fn is(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

/// As Postgres prints it.
pub(crate) fn time(at_us: i64) -> String {
    let at = DateTime::from_timestamp_micros(at_us).expect("a time in range");
    at.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}

/// As the outbox spells it.
fn status(state: State) -> &'static str {
    match state {
        State::Waiting => "pending",
        State::Held => "processing",
        State::Sent => "published",
        State::GivenUp => "failed",
    }
}

impl Story {
    /// As the log has a bid's row.
    pub(crate) fn bid_written(event: &OutboxRow) -> Change {
        let seen = event.item.as_ref().expect("an honest payload");
        change(
            "bids",
            Operation::Insert,
            &[
                ("bid_id", is(seen.id)),
                ("auction_id", is(seen.key)),
                ("user_id", is(seen.user_id())),
                ("amount", is(seen.amount())),
                ("sequence", is(seen.n)),
                ("placed_at", is(time(seen.placed_at_us()))),
            ],
        )
    }

    /// As the log has a new event's row.
    pub(crate) fn event_written(event: &OutboxRow) -> Change {
        let seen = event.item.as_ref().expect("an honest payload");
        let placed_at = time(seen.placed_at_us()).replace(' ', "T") + ":00";
        let payload = format!(
            r#"{{"bidId": "{}", "userId": "{}", "amount": "{}", "timestamp": "{placed_at}", "auctionId": "{}", "sequence": "{}"}}"#,
            seen.id,
            seen.user_id(),
            seen.amount(),
            seen.key,
            seen.n
        );
        change(
            "outbox_events",
            Operation::Insert,
            &[
                ("id", is(&event.row)),
                ("event_type", is("auction.v1.BidPlaced")),
                ("payload", is(payload)),
                ("status", is("pending")),
                ("auction_id", is(event.key)),
                ("sequence", is(event.n)),
                ("lane", is(lane_of(event.key))),
                ("claim_token", None),
            ],
        )
    }

    /// As the log has an event's update.
    pub(crate) fn event_updated(event: &OutboxRow, token: Option<i64>) -> Change {
        change(
            "outbox_events",
            Operation::Update,
            &[
                ("id", is(&event.row)),
                ("status", is(status(event.state))),
                ("lane", is(lane_of(event.key))),
                ("claim_token", token.map(|token| token.to_string())),
                ("attempts", is(event.attempts.unwrap_or_default())),
            ],
        )
    }

    /// The commit of a bid that was received and applied at once; its auction stands there now.
    pub(super) fn applied(&mut self, event: &OutboxRow, last_sequence: i64) {
        let seen = event.item.as_ref().expect("an honest payload");
        let stands = |op, place: i64| {
            let columns = [
                ("auction_id", is(seen.key)),
                ("last_sequence", is(place)),
                ("bid_count", is(place)),
            ];
            change("standings", op, &columns)
        };
        let mut changes = Vec::new();
        if last_sequence == 1 {
            changes.push(stands(Operation::Insert, 0));
        }
        changes.push(change(
            "inbox",
            Operation::Insert,
            &[
                ("bid_id", is(seen.id)),
                ("auction_id", is(seen.key)),
                ("sequence", is(seen.n)),
                ("applied_at", is(time(self.log.clock_us))),
            ],
        ));
        changes.push(stands(Operation::Update, last_sequence));
        self.commit(changes);
    }
}
