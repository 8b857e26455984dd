//! What becomes of events that are given up, and of those that wait for them.

use super::columns::{change, is};
use super::{State, Story, lanes::Lane};
use crate::history::{Change, Key, Operation};

impl Story {
    /// What is in flight of an auction is given up by its relay.
    pub(crate) fn give_up(&mut self, auction: u128) {
        let key = Self::key(auction);
        self.owned(key);
        let failed = self.turn(key, &[State::Held], State::GivenUp, None);
        self.commit_some(failed);
    }

    /// What was given up of an auction is put back by hand, and its lane recalled.
    pub(crate) fn requeue(&mut self, auction: u128) {
        let key = Self::key(auction);
        let requeued = self.turn(key, &[State::GivenUp], State::Waiting, None);
        if !requeued.is_empty() {
            let mut changes = vec![self.recalled(key)];
            changes.extend(requeued);
            self.commit(changes);
        }
    }

    /// Of these events those that are `taken` are claimed, and the others wait: one statement's work.
    pub(crate) fn claim_some(&mut self, taken: &[usize], aside: &[usize]) {
        let first = taken.first().or(aside.first()).expect("an event");
        let lane = self.owned(self.tables.outbox[*first].key);
        let mut changes: Vec<Change> = aside
            .iter()
            .map(|number| self.waits(*number, true))
            .collect();
        for number in taken {
            let event = &mut self.tables.outbox[*number];
            event.state = State::Held;
            self.log.claims.insert(event.row.clone(), lane.token);
            changes.push(Self::event_updated(event, Some(lane.token)));
        }
        self.commit(changes);
    }

    /// Events of an auction wait no longer, and its lane is recalled.
    pub(crate) fn let_go(&mut self, auction: u128, events: &[usize]) {
        let mut changes = vec![self.recalled(Self::key(auction))];
        changes.extend(events.iter().map(|number| self.waits(*number, false)));
        self.commit(changes);
    }

    /// An event's payload cannot be read, from its writing until it is [mended](Self::mend).
    pub(crate) fn spoil(&mut self, number: usize) {
        let row = self.tables.outbox[number].row.clone();
        let (at, written) = self.written("outbox_events", row);
        let written = &mut self.commit_at(at).changes[written];
        written.row.insert("payload".to_owned(), is("no payload"));
    }

    /// It can be read again.
    pub(crate) fn mend(&mut self, number: usize) {
        let event = &self.tables.outbox[number];
        let mut mended = Self::event_updated(event, None);
        let written = Self::event_written(event);
        let payload = written.row.into_iter();
        let payload = payload.filter(|(name, _)| name == "payload" || name == "event_type");
        mended.row.extend(payload);
        self.commit(vec![mended]);
    }

    fn waits(&self, number: usize, held: bool) -> Change {
        let row = &self.tables.outbox[number].row;
        let columns = [
            ("id", is(row)),
            ("status", is("pending")),
            ("held", is(held)),
        ];
        change("outbox_events", Operation::Update, &columns)
    }

    fn recalled(&mut self, key: Key) -> Change {
        let lane = self.lane(key);
        let recalls = lane.recalls + 1;
        self.set_lane(key, Lane { recalls, ..lane })
    }
}
