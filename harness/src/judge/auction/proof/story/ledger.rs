//! A story's ledger: what the system's transactions commit while it is told.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::{Event, OutboxRow, State, Story, Uuid};
use crate::history::{Change, Columns, Commit, Key, Operation};
use crate::judge::auction::bid::Bid;

/// How long a lease is good for.
const LEASE_US: i64 = 1_000_000;
/// The first relay; the others follow.
const RELAY: u128 = 0x4e1a_0000;

/// The log, and what only the log shows: who owns which lane, and under which token events are in flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    xid: u32,
    clock_us: i64,
    tokens: i64,
    relays: u128,
    lanes: BTreeMap<i16, Lane>,
    claims: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    owner: Option<Uuid>,
    token: i64,
    lease_until_us: i64,
    draining: bool,
}

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

/// One lane an auction, as far as stories go.
fn lane_of(key: Key) -> i16 {
    (key.0.as_u128() % 64) as i16
}

impl Story {
    /// When the next transaction commits: as its entry comes, and after the last one.
    pub(crate) fn next_commit_us(&self) -> i64 {
        let after = self.log.clock_us + Self::TICK_US.cast_signed();
        after.max(self.now_us().cast_signed())
    }

    /// A transaction commits.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) {
        self.log.xid += 1;
        self.log.clock_us = self.next_commit_us();
        self.events.push(Event::Committed(Commit {
            xid: self.log.xid,
            committed_at_us: self.log.clock_us,
            changes,
            others: 0,
        }));
    }

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

    /// The lane's owner claims what is pending of an auction; a free lane is acquired first.
    pub(crate) fn claim(&mut self, auction: u128) {
        let key = Self::key(auction);
        let lane = self.owned(key);
        let claimed = self.turn(key, &[State::Waiting], State::Held, Some(lane.token));
        self.commit_some(claimed);
    }

    /// What is in flight becomes pending again: handed back, or backing off.
    pub(crate) fn hand_back(&mut self, auction: u128) {
        let key = Self::key(auction);
        self.owned(key);
        let released = self.turn(key, &[State::Held], State::Waiting, None);
        self.commit_some(released);
    }

    /// What is in flight is given up, and put back by hand.
    pub(crate) fn give_up_and_requeue(&mut self, auction: u128) {
        let key = Self::key(auction);
        self.owned(key);
        let failed = self.turn(key, &[State::Held], State::GivenUp, None);
        self.commit_some(failed);
        let requeued = self.turn(key, &[State::GivenUp], State::Waiting, None);
        self.commit_some(requeued);
    }

    /// The lane's owner says that it lives.
    pub(crate) fn renew(&mut self, auction: u128) {
        let key = Self::key(auction);
        let lane = self.owned(key);
        let lease_until_us = self.log.clock_us + LEASE_US;
        let renewed = self.set_lane(
            key,
            Lane {
                lease_until_us,
                ..lane
            },
        );
        self.commit(vec![renewed]);
    }

    /// The lane's lease ends, and another relay takes it with what is in flight.
    pub(crate) fn take_over(&mut self, auction: u128) {
        self.lapse(auction);
        self.acquire(Self::key(auction), State::Waiting);
    }

    /// As [`take_over`](Self::take_over), but what is in flight has ended too many relays: it is given up, and put back
    /// by hand.
    pub(crate) fn take_over_and_give_up(&mut self, auction: u128) {
        let key = Self::key(auction);
        self.lapse(auction);
        self.acquire(key, State::GivenUp);
        let requeued = self.turn(key, &[State::GivenUp], State::Waiting, None);
        self.commit_some(requeued);
    }

    fn lapse(&mut self, auction: u128) {
        let lane = self.owned(Self::key(auction));
        let waited = (lane.lease_until_us - self.log.clock_us).max(0);
        self.log.clock_us += waited;
        self.time_passes(waited.unsigned_abs());
    }

    /// The lane's owner hands everything back under a new token.
    pub(crate) fn rewind(&mut self, auction: u128) {
        let key = Self::key(auction);
        let mut changes = vec![self.new_token(key)];
        changes.extend(self.turn(key, &[State::Held], State::Waiting, None));
        self.commit(changes);
    }

    /// The lane's owner draws a new token.
    pub(crate) fn new_token(&mut self, key: Key) -> Change {
        let lane = self.owned(key);
        self.log.tokens += 1;
        let token = self.log.tokens;
        self.set_lane(key, Lane { token, ..lane })
    }

    /// The lane's owner claims no more of it, hands back what it has and gives it up.
    pub(crate) fn drain(&mut self, auction: u128) {
        let key = Self::key(auction);
        let lane = self.owned(key);
        let draining = Lane {
            draining: true,
            ..lane
        };
        let changes = vec![self.set_lane(key, draining)];
        self.commit(changes);
        self.rewind(auction);
        self.free(key);
    }

    /// The lab's own relay takes the lane by force with what is in flight, and gives it up some time later.
    pub(crate) fn usurp(&mut self, auction: u128) {
        let key = Self::key(auction);
        self.owned(key);
        self.log.tokens += 1;
        let token = self.log.tokens;
        let forced = Lane {
            owner: Some(Uuid::max()),
            token,
            lease_until_us: i64::MAX,
            draining: false,
        };
        let mut changes = vec![self.set_lane(key, forced)];
        changes.extend(self.turn(key, &[State::Held], State::Held, Some(token)));
        self.commit(changes);
        self.free(key);
    }

    /// The first event of all is published before the others are told of.
    pub(crate) fn publish_first(&mut self) {
        self.publish(0);
    }

    /// Everything of an auction that is not published yet is, under its lane's token.
    pub(crate) fn publish(&mut self, number: usize) {
        let event = self.tables.outbox[number].clone();
        let key = event.key;
        let lane = self.owned(key);
        if self.log.claims.get(&event.row) != Some(&lane.token) {
            let claimed = self.turn(key, &[State::Waiting], State::Held, Some(lane.token));
            self.commit_some(claimed);
        }
        // A session has a token of its own, and a connection.
        for what in ["publish", "confirm"] {
            self.passes("relay -> rabbitmq", lane.token, what, &event);
        }
        self.tables.outbox[number].state = State::Sent;
        self.log.claims.remove(&event.row);
        let marked = Self::event_updated(&self.tables.outbox[number], None);
        self.commit(vec![marked]);
    }

    fn owned(&mut self, key: Key) -> Lane {
        let lane = self.lane(key);
        if lane.owner.is_none() {
            self.acquire(key, State::Waiting);
        }
        self.lane(key)
    }

    fn lane(&self, key: Key) -> Lane {
        let known = self.log.lanes.get(&lane_of(key));
        known.copied().unwrap_or_default()
    }

    /// The next relay takes the lane, with a new token; what was in flight becomes what is said.
    fn acquire(&mut self, key: Key, becomes: State) {
        self.log.tokens += 1;
        self.log.relays += 1;
        let taken = Lane {
            owner: Some(Uuid::from_u128(RELAY + self.log.relays)),
            token: self.log.tokens,
            lease_until_us: self.log.clock_us + LEASE_US,
            draining: false,
        };
        let mut changes = vec![self.set_lane(key, taken)];
        changes.extend(self.turn(key, &[State::Held], becomes, None));
        self.commit(changes);
    }

    /// The lane's owner gives it up, whatever is in flight.
    pub(crate) fn free(&mut self, key: Key) {
        let free = Lane {
            owner: None,
            lease_until_us: i64::MIN,
            draining: false,
            ..self.lane(key)
        };
        let changes = vec![self.set_lane(key, free)];
        self.commit(changes);
    }

    fn set_lane(&mut self, key: Key, lane: Lane) -> Change {
        let number = lane_of(key);
        self.log.lanes.insert(number, lane);
        let lease_until = match lane.lease_until_us {
            i64::MIN => "-infinity".to_owned(),
            i64::MAX => "infinity".to_owned(),
            at_us => time(at_us),
        };
        change(
            "relay_lanes",
            Operation::Update,
            &[
                ("lane", is(number)),
                ("owner", lane.owner.map(|owner| owner.to_string())),
                ("token", is(lane.token)),
                ("lease_until", is(lease_until)),
                ("draining", is(lane.draining)),
            ],
        )
    }

    /// Events of an auction from one status to another, under a token or none.
    fn turn(&mut self, key: Key, from: &[State], to: State, token: Option<i64>) -> Vec<Change> {
        let mut changes = Vec::new();
        for event in &mut self.tables.outbox {
            if event.key == key && from.contains(&event.state) {
                event.state = to;
                match token {
                    Some(token) => _ = self.log.claims.insert(event.row.clone(), token),
                    None => _ = self.log.claims.remove(&event.row),
                }
                changes.push(Self::event_updated(event, token));
            }
        }
        changes
    }

    fn commit_some(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.commit(changes);
        }
    }
}
