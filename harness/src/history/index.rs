//! A whole history, indexed once for all checkers.

mod ledger;

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::last::{Last, LastIndex};
use super::{Delivery, Entry, Event, FaultLife, FaultPhase, Op, Outcome, Snapshot};
use crate::ask::scenario::Scenario;

use ledger::LedgerIndex;
pub use ledger::LedgerState;

/// All entries of a run, in the order they were recorded, and what the checkers look up in them.
///
/// Positions are indexes into [`History::entries`]; a smaller position happened no later.
#[derive(Debug, Clone, Default)]
pub struct History {
    entries: Vec<Entry>,
    cut_short: Option<String>,
    begun: Option<usize>,
    auctions: BTreeMap<Uuid, AuctionTerms>,
    ops: BTreeMap<u64, Op>,
    ops_of_bid: HashMap<Uuid, Vec<u64>>,
    deliveries: Vec<usize>,
    first_deliveries: HashMap<Uuid, usize>,
    snapshots: Vec<usize>,
    last: Option<(usize, LastIndex)>,
    ledger: LedgerIndex,
    faults: BTreeMap<usize, FaultLife>,
    oddities: Vec<String>,
}

/// What an auction was created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuctionTerms {
    /// Minor units.
    pub starting_price: i64,
    /// Every bid on it must be refused.
    pub closed: bool,
    /// When it closes, by the database's clock in microseconds since the Unix epoch, where it does so during the run.
    pub closes_at_us: Option<i64>,
    /// Position of its creation.
    pub created: usize,
}

impl History {
    /// Indexes the entries. `torn` says why the file ends early, where its reader knows.
    pub fn new(entries: Vec<Entry>, torn: Option<String>) -> Self {
        let ended = matches!(
            entries.last(),
            Some(Entry {
                event: Event::Ended,
                ..
            })
        );
        let mut history = Self {
            cut_short: torn
                .or_else(|| (!ended).then(|| "the last entry is not `ended`".to_owned())),
            ..Self::default()
        };
        for (position, entry) in entries.iter().enumerate() {
            history.take(position, &entry.event);
        }
        history.entries = entries;
        history
    }

    fn take(&mut self, position: usize, event: &Event) {
        match event {
            Event::Begun { .. } => match self.begun {
                None => self.begun = Some(position),
                Some(_) => self.oddities.push("the run began twice".to_owned()),
            },
            Event::Auction {
                auction_id,
                starting_price,
                closed,
                closes_at_us,
            } => {
                let terms = AuctionTerms {
                    starting_price: *starting_price,
                    closed: *closed,
                    closes_at_us: *closes_at_us,
                    created: position,
                };
                self.auctions.insert(*auction_id, terms);
            }
            Event::Invoked {
                op,
                bid,
                via,
                purpose,
            } => {
                let asked = Op {
                    invoked: position,
                    bid: bid.clone(),
                    via: via.clone(),
                    purpose: *purpose,
                    completed: None,
                };
                self.invoked(*op, asked);
            }
            Event::Completed { op, outcome } => self.completed(position, *op, outcome),
            Event::Fault {
                fault,
                phase,
                detail,
            } => {
                let life = self.faults.entry(*fault).or_default();
                match phase {
                    FaultPhase::Asked => life.asked = life.asked.or(Some(position)),
                    FaultPhase::Applied => life.applied = life.applied.or(Some(position)),
                    FaultPhase::Healed => life.healed = Some(position),
                    FaultPhase::Failed => life.failed = Some(detail.clone()),
                }
            }
            Event::Bite { fault, what, count } => {
                let life = self.faults.entry(*fault).or_default();
                life.bites.push((position, what.clone(), *count));
            }
            Event::Delivered(delivery) => {
                self.deliveries.push(position);
                if let Ok(body) = &delivery.body {
                    self.first_deliveries.entry(body.bid_id).or_insert(position);
                }
            }
            Event::Snapshot(snapshot) => {
                self.snapshots.push(position);
                if snapshot.last {
                    self.last = Some((position, LastIndex::of(snapshot)));
                }
            }
            _ => self.oddities.extend(self.ledger.take(position, event)),
        }
    }

    fn invoked(&mut self, op: u64, asked: Op) {
        let bid_id = asked.bid.bid_id;
        if self.ops.insert(op, asked).is_some() {
            self.oddities.push(format!("op {op} was invoked twice"));
        }
        self.ops_of_bid.entry(bid_id).or_default().push(op);
    }

    fn completed(&mut self, position: usize, op: u64, outcome: &Outcome) {
        match self.ops.get_mut(&op) {
            None => self
                .oddities
                .push(format!("op {op} was completed and never invoked")),
            Some(asked) if asked.completed.is_some() => {
                self.oddities.push(format!("op {op} was completed twice"))
            }
            Some(asked) => asked.completed = Some((position, outcome.clone())),
        }
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.entries.iter().map(|entry| &entry.event)
    }

    /// Why the history is not whole, if it is not.
    pub fn cut_short(&self) -> Option<&str> {
        self.cut_short.as_deref()
    }

    /// What contradicts itself, such as an answer without a question.
    pub fn oddities(&self) -> &[String] {
        &self.oddities
    }

    /// The scenario's name and the seed, when the run began at all.
    pub fn name_and_seed(&self) -> Option<(&str, u64)> {
        match &self.entries[self.begun?].event {
            Event::Begun { name, seed, .. } => Some((name, *seed)),
            _ => None,
        }
    }

    /// What it ran on, one thing a line.
    pub fn environment(&self) -> &[String] {
        match self.begun.map(|begun| &self.entries[begun].event) {
            Some(Event::Begun { environment, .. }) => environment,
            _ => &[],
        }
    }

    /// What was run.
    pub fn scenario(&self) -> Option<&Scenario> {
        match &self.entries[self.begun?].event {
            Event::Begun { scenario, .. } => Some(scenario),
            _ => None,
        }
    }

    /// Auctions, by id.
    pub fn auctions(&self) -> &BTreeMap<Uuid, AuctionTerms> {
        &self.auctions
    }

    /// Requests, by their number.
    pub fn ops(&self) -> &BTreeMap<u64, Op> {
        &self.ops
    }

    /// All requests for one bid, in the order they were sent.
    pub fn ops_of(&self, bid_id: Uuid) -> impl Iterator<Item = (u64, &Op)> {
        let ops = self.ops_of_bid.get(&bid_id).map_or(&[][..], Vec::as_slice);
        ops.iter().map(|op| (*op, &self.ops[op]))
    }

    /// What the witness received, with positions, in its order.
    pub fn deliveries(&self) -> impl Iterator<Item = (usize, &Delivery)> {
        self.deliveries
            .iter()
            .filter_map(|position| match &self.entries[*position].event {
                Event::Delivered(delivery) => Some((*position, delivery)),
                _ => None,
            })
    }

    /// Whether the witness ever received this bid's event.
    pub fn was_delivered(&self, bid_id: Uuid) -> bool {
        self.first_deliveries.contains_key(&bid_id)
    }

    /// Per auction, the places of its bids in the order in which each was first delivered. Copies are told by
    /// `bid_id`: the broker's `redelivered` flag says nothing about a copy that was published again.
    pub fn first_deliveries(&self) -> BTreeMap<Uuid, Vec<i64>> {
        let by_auction = self.first_deliveries_at().into_iter();
        by_auction
            .map(|(auction_id, order)| {
                let places = order.into_iter().map(|(sequence, _)| sequence);
                (auction_id, places.collect())
            })
            .collect()
    }

    /// The same, each with its position.
    pub fn first_deliveries_at(&self) -> BTreeMap<Uuid, Vec<(i64, usize)>> {
        let mut by_auction: BTreeMap<Uuid, Vec<(i64, usize)>> = BTreeMap::new();
        for (position, delivery) in self.deliveries() {
            if let Ok(body) = &delivery.body
                && self.first_deliveries.get(&body.bid_id) == Some(&position)
            {
                by_auction
                    .entry(body.auction_id)
                    .or_default()
                    .push((body.sequence, position));
            }
        }
        by_auction
    }

    /// Every snapshot, oldest first.
    pub fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots
            .iter()
            .filter_map(|position| match &self.entries[*position].event {
                Event::Snapshot(snapshot) => Some(snapshot),
                _ => None,
            })
    }

    /// The snapshot of the end, with its rows by key.
    pub fn last(&self) -> Option<Last<'_>> {
        let (position, index) = self.last.as_ref()?;
        match &self.entries[*position].event {
            Event::Snapshot(snapshot) => Some(Last::new(snapshot, index)),
            _ => None,
        }
    }

    /// The format that it was written in.
    pub fn format(&self) -> u32 {
        match self.begun.map(|position| &self.entries[position].event) {
            Some(Event::Begun { format, .. }) => *format,
            _ => super::format::first(),
        }
    }

    /// Whether every field that is compared today was recorded: not so before format 2.
    pub fn has_every_field(&self) -> bool {
        self.format() >= 2
    }

    /// Whether what the API shows was read: not so before format 3.
    pub fn was_read(&self) -> bool {
        self.format() >= 3
    }

    /// When an auction that closes during the run does so, on the clock of [`Entry::at_us`]: a moment too late, by as much as
    /// creating it took.
    pub fn closes_at(&self, auction_id: Uuid) -> Option<u64> {
        let terms = self.auctions.get(&auction_id)?;
        terms.closes_at_us?;
        let after = self.scenario()?.workload.closing().ok()?.after;
        let created = self.entries.get(terms.created)?.at_us;
        Some(created + u64::try_from(after.as_micros()).ok()?)
    }

    /// The wall clock at a position, in microseconds since the Unix epoch, where the database's is the same one.
    pub fn wall_clock_us(&self, position: usize) -> Option<i64> {
        let Event::Begun { began_at_us, .. } = &self.entries[self.begun?].event else {
            return None;
        };
        let since = i64::try_from(self.entries.get(position)?.at_us).ok()?;
        began_at_us.and_then(|began| began.checked_add(since))
    }

    /// What became of each fault of which anything was recorded, by its index in the scenario.
    pub fn faults(&self) -> &BTreeMap<usize, FaultLife> {
        &self.faults
    }

    /// Whether some fault was in place at this position.
    pub fn in_fault(&self, position: usize) -> bool {
        self.faults.values().any(|life| life.covers(position))
    }

    /// Milliseconds from the last heal to quiet, when that was reached.
    pub fn recovered_after_ms(&self) -> Option<u64> {
        self.events().find_map(|event| match event {
            Event::Recovered { after_ms } => Some(*after_ms),
            _ => None,
        })
    }
}
