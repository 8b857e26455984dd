//! A run's names as the model's numbers.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::ask::auction::harm;
use crate::history::Key;
use crate::judge::auction::model::{AuctionNo, EventNo, LaneNo, RelayNo, USURPER};
use crate::judge::auction::replay::{OutboxEvent, Step, Told};
use crate::judge::basis::Unjudgeable;

/// What the model needs to know of an event before it comes.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub id: Uuid,
    pub auction: AuctionNo,
    pub sequence: u32,
    pub lane: LaneNo,
    pub spoilt: bool,
}

/// Who is who.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By their numbers.
    pub events: Vec<Known>,
    numbers: HashMap<Uuid, EventNo>,
    of_operation: HashMap<Uuid, EventNo>,
    auctions: HashMap<Key, AuctionNo>,
    relays: Vec<Uuid>,
}

impl Names {
    /// Events are numbered by their positions, which were drawn in order.
    pub fn of(told: &[Told<'_>]) -> Result<Self, Unjudgeable> {
        let mut names = Self::default();
        let mut new: Vec<(Option<i64>, &OutboxEvent)> = Vec::new();
        let mut bids: HashMap<(Key, i64), Uuid> = HashMap::new();
        for step in told.iter().flat_map(|told| &told.steps) {
            match step {
                Step::Event(turn) => {
                    if let (None, Some(event)) = (&turn.before, &turn.after) {
                        new.push((event.position, event));
                    }
                }
                Step::Bid(turn) => {
                    bids.extend(turn.after.as_ref().map(|bid| ((bid.key, bid.n), bid.id)));
                }
                Step::Lane(turn) => {
                    let owner = turn.after.and_then(|lane| lane.owner);
                    let owner = owner.filter(|owner| *owner != harm::USURPER);
                    if let Some(owner) = owner.filter(|owner| !names.relays.contains(owner)) {
                        names.relays.push(owner);
                    }
                }
                _ => {}
            }
        }
        new.sort_by_key(|(position, _)| *position);
        let lacks = new.iter().filter(|(position, _)| position.is_none());
        match lacks.count() {
            0 => {}
            all if all == new.len() => {
                let without = "the history was recorded without the events' positions";
                return Err(Unjudgeable::NotShown(without));
            }
            some => {
                let without = format!("{some} of {} events have no position", new.len());
                return Err(Unjudgeable::Ledger(without));
            }
        }
        for (number, (_, event)) in (0..).zip(new) {
            let next = names.auctions.len() as AuctionNo;
            names.numbers.insert(event.id, number);
            let operation = bids.get(&(event.key, event.n));
            names.of_operation.extend(operation.map(|id| (*id, number)));
            names.events.push(Known {
                id: event.id,
                auction: *names.auctions.entry(event.key).or_insert(next),
                sequence: u32::try_from(event.n).unwrap_or(0),
                lane: event.lane,
                spoilt: event.item.is_err(),
            });
        }
        Ok(names)
    }

    /// The event with this id.
    pub fn event(&self, id: Uuid) -> Option<EventNo> {
        self.numbers.get(&id).copied()
    }

    /// The event that announces an operation.
    pub fn announcing(&self, operation: Uuid) -> Option<EventNo> {
        self.of_operation.get(&operation).copied()
    }

    /// An auction of which there are events.
    pub fn auction(&self, key: Key) -> Option<AuctionNo> {
        self.auctions.get(&key).copied()
    }

    /// A relay; the lab's own has a number that none has.
    pub fn relay(&self, id: Uuid) -> RelayNo {
        let known = self.relays.iter().position(|relay| *relay == id);
        known.map_or(USURPER, |number| number as RelayNo)
    }

    /// How many relays there were.
    pub fn relays(&self) -> RelayNo {
        self.relays.len() as RelayNo
    }

    /// All lanes in which anything happened.
    pub fn lanes(&self, owned: impl Iterator<Item = LaneNo>) -> BTreeSet<LaneNo> {
        owned
            .chain(self.events.iter().map(|event| event.lane))
            .collect()
    }
}
