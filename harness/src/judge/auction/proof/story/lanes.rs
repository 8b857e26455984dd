//! What relays do with lanes and their events.

use super::columns::{change, is, time};
use super::{State, Story, Uuid};
use crate::ask::auction::harm::USURPER;
use crate::history::{Change, Key, Operation};

/// How long a lease is good for.
const LEASE_US: i64 = 1_000_000;
/// The first relay; the others follow.
const RELAY: u128 = 0x4e1a_0000;

/// A lane, as its row has it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lane {
    pub owner: Option<Uuid>,
    pub token: i64,
    pub lease_until_us: i64,
    pub draining: bool,
    pub recalls: i64,
}

/// One lane an auction, as far as stories go.
pub(super) fn lane_of(key: Key) -> i16 {
    (key.0.as_u128() % 64) as i16
}

impl Story {
    /// The lane's owner claims what is pending of an auction; a free lane is acquired first.
    pub(crate) fn claim(&mut self, auction: u128) {
        let key = Self::key(auction);
        let lane = self.owned(key);
        let claimed = self.turn(key, &[State::Waiting], State::Held, Some(lane.token));
        self.commit_some(claimed);
    }

    /// What is in flight becomes pending again under the token that the lane has: `ownership` allows it, and `model` knows
    /// that a rewind draws a new one first.
    pub(crate) fn hand_back(&mut self, auction: u128) {
        let key = Self::key(auction);
        self.owned(key);
        let released = self.turn(key, &[State::Held], State::Waiting, None);
        self.commit_some(released);
    }

    /// What is in flight is given up by its relay, and put back by hand: `ownership` allows it, and `model` knows that only
    /// what cannot be sent is given up so.
    pub(crate) fn give_up_and_requeue(&mut self, auction: u128) {
        self.give_up(auction);
        self.requeue(auction);
    }

    /// The lane's owner says that it lives.
    pub(crate) fn renew(&mut self, auction: u128) {
        let key = Self::key(auction);
        let lane = self.owned(key);
        let lease_until_us = self.next_commit_us() + LEASE_US;
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
        self.take_over_giving_up(auction);
        self.requeue(auction);
    }

    /// The first half of that.
    pub(crate) fn take_over_giving_up(&mut self, auction: u128) {
        self.lapse(auction);
        self.acquire(Self::key(auction), State::GivenUp);
    }

    /// The lane's lease ends, and a relay that was there before takes it.
    pub(crate) fn take_back(&mut self, auction: u128, relay: Uuid) {
        self.lapse(auction);
        self.acquire_as(relay, Self::key(auction), State::Waiting);
    }

    /// Who owns an auction's lane.
    pub(crate) fn owner(&mut self, auction: u128) -> Uuid {
        let lane = self.owned(Self::key(auction));
        lane.owner.unwrap_or_default()
    }

    /// The lane's lease ends.
    pub(crate) fn lapse(&mut self, auction: u128) {
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
            owner: Some(USURPER),
            token,
            lease_until_us: i64::MAX,
            draining: false,
            ..self.lane(key)
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

    /// An event is published under its lane's token; if it is not in flight, what is pending of its auction is claimed first.
    pub(crate) fn publish(&mut self, number: usize) {
        let lane = self.owned(self.tables.outbox[number].key);
        self.publish_on(lane.token, number);
    }

    /// The same, on this connection: stories' sessions have the numbers of their tokens.
    pub(crate) fn publish_on(&mut self, connection: i64, number: usize) {
        let event = self.tables.outbox[number].clone();
        let key = event.key;
        let lane = self.owned(key);
        if self.log.claims.get(&event.row) != Some(&lane.token) {
            let claimed = self.turn(key, &[State::Waiting], State::Held, Some(lane.token));
            self.commit_some(claimed);
        }
        for what in ["publish", "confirm"] {
            self.passes("relay -> rabbitmq", connection, what, &event);
        }
        self.mark(number);
    }

    /// An event in flight is marked.
    pub(crate) fn mark(&mut self, number: usize) {
        let event = self.tables.outbox[number].clone();
        self.tables.outbox[number].state = State::Sent;
        self.log.claims.remove(&event.row);
        let marked = Self::event_updated(&self.tables.outbox[number], None);
        self.commit(vec![marked]);
    }

    pub(super) fn owned(&mut self, key: Key) -> Lane {
        let lane = self.lane(key);
        if lane.owner.is_none() {
            self.acquire(key, State::Waiting);
        }
        self.lane(key)
    }

    pub(super) fn lane(&self, key: Key) -> Lane {
        let known = self.log.lanes.get(&lane_of(key));
        known.copied().unwrap_or_default()
    }

    /// The next relay takes the lane, with a new token; what was in flight becomes what is said.
    fn acquire(&mut self, key: Key, becomes: State) {
        self.log.relays += 1;
        let relay = Uuid::from_u128(RELAY + self.log.relays);
        self.acquire_as(relay, key, becomes);
    }

    fn acquire_as(&mut self, relay: Uuid, key: Key, becomes: State) {
        self.log.tokens += 1;
        let taken = Lane {
            owner: Some(relay),
            token: self.log.tokens,
            lease_until_us: self.log.clock_us + LEASE_US,
            draining: false,
            ..self.lane(key)
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

    pub(super) fn set_lane(&mut self, key: Key, lane: Lane) -> Change {
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
                ("recalls", is(lane.recalls)),
            ],
        )
    }

    /// Events of an auction from one status to another, under a token or none.
    pub(super) fn turn(
        &mut self,
        key: Key,
        from: &[State],
        to: State,
        token: Option<i64>,
    ) -> Vec<Change> {
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
}
