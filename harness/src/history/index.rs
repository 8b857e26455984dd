//! A whole history, indexed once for all checkers.

mod ledger;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use uuid::Uuid;

use super::derived::Derived;
use super::last::{Last, LastIndex};
use super::passing::Passing;
use super::{Delivery, Entry, Event, FaultLife, FaultPhase, Key, Op, Outcome, Snapshot, Subject};
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
    ops: BTreeMap<u64, Op>,
    ops_of_id: HashMap<Uuid, Vec<u64>>,
    deliveries: Vec<usize>,
    first_deliveries: HashMap<Uuid, usize>,
    snapshots: Vec<usize>,
    last: Option<(usize, LastIndex)>,
    ledger: LedgerIndex,
    faults: BTreeMap<usize, FaultLife>,
    oddities: Vec<String>,
    derived: Derived,
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
            Event::Invoked {
                op,
                asked,
                via,
                purpose,
            } => {
                let asked = Op {
                    invoked: position,
                    asked: asked.clone(),
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
                    FaultPhase::Failed => {
                        life.failed = Some(detail.clone());
                        life.given_up = Some(position);
                    }
                }
            }
            Event::Bite { fault, what, count } => {
                let life = self.faults.entry(*fault).or_default();
                life.bites.push((position, what.clone(), *count));
            }
            Event::Delivered(delivery) => {
                self.deliveries.push(position);
                if let Ok(item) = &delivery.item {
                    self.first_deliveries.entry(item.id).or_insert(position);
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
        let id = asked.asked.id;
        if self.ops.insert(op, asked).is_some() {
            self.oddities.push(format!("op {op} was invoked twice"));
        }
        self.ops_of_id.entry(id).or_default().push(op);
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

    /// Who is judged.
    pub fn subject(&self) -> Option<&Subject> {
        match &self.entries[self.begun?].event {
            Event::Begun { subject, .. } => Some(subject),
            _ => None,
        }
    }

    /// What was run.
    pub fn scenario(&self) -> Option<&Scenario> {
        match &self.entries[self.begun?].event {
            Event::Begun { scenario, .. } => Some(scenario),
            _ => None,
        }
    }

    /// What follows from this history, worked out once however many ask. One value of a type.
    pub(crate) fn derived<T: Send + Sync + 'static>(
        &self,
        work_out: impl FnOnce(&Self) -> T,
    ) -> Arc<T> {
        self.derived.get(|| work_out(self))
    }

    /// Requests, by their number.
    pub fn ops(&self) -> &BTreeMap<u64, Op> {
        &self.ops
    }

    /// Requests in the order in which they were sent.
    pub fn ops_in_order(&self) -> Vec<&Op> {
        let mut ops: Vec<&Op> = self.ops.values().collect();
        ops.sort_by_key(|op| op.invoked);
        ops
    }

    /// All requests for one operation, in the order they were sent.
    pub fn ops_of(&self, id: Uuid) -> impl Iterator<Item = (u64, &Op)> {
        let ops = self.ops_of_id.get(&id).map_or(&[][..], Vec::as_slice);
        ops.iter().map(|op| (*op, &self.ops[op]))
    }

    /// What passed the taps, in its order.
    pub fn passing(&self) -> impl Iterator<Item = Passing<'_>> {
        self.events().enumerate().filter_map(Passing::of)
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

    /// Whether the witness ever received a message about this operation.
    pub fn was_delivered(&self, id: Uuid) -> bool {
        self.first_deliveries.contains_key(&id)
    }

    /// The position of the first message about it.
    pub fn first_delivery(&self, id: Uuid) -> Option<usize> {
        self.first_deliveries.get(&id).copied()
    }

    /// The operations about which the witness received a message.
    pub fn heard(&self) -> impl Iterator<Item = Uuid> {
        self.first_deliveries.keys().copied()
    }

    /// Per key, the places of its operations in the order in which each was first delivered. Copies are told by the
    /// operation: the broker's `redelivered` flag says nothing about a copy that was published again.
    pub fn first_deliveries(&self) -> BTreeMap<Key, Vec<i64>> {
        let by_key = self.first_deliveries_at().into_iter();
        by_key
            .map(|(key, order)| (key, order.into_iter().map(|(n, _)| n).collect()))
            .collect()
    }

    /// The same, each with its position.
    pub fn first_deliveries_at(&self) -> BTreeMap<Key, Vec<(i64, usize)>> {
        let mut by_key: BTreeMap<Key, Vec<(i64, usize)>> = BTreeMap::new();
        for (position, delivery) in self.deliveries() {
            if let Ok(item) = &delivery.item
                && self.first_deliveries.get(&item.id) == Some(&position)
            {
                by_key.entry(item.key).or_default().push((item.n, position));
            }
        }
        by_key
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

    /// What only the target's own checkers understand, with positions.
    pub fn notes(&self) -> impl Iterator<Item = (usize, &serde_json::Value)> {
        self.events()
            .enumerate()
            .filter_map(|(position, event)| match event {
                Event::Noted { note } => Some((position, note)),
                _ => None,
            })
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
