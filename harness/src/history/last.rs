//! The tables as they were at the end, by key.

use std::collections::HashMap;

use uuid::Uuid;

use super::{BidRow, EventRow, InboxRow, Snapshot, StandingRow};

/// Row numbers by key; of rows with the same key the first counts.
#[derive(Debug, Clone, Default)]
pub(super) struct LastIndex {
    bids: HashMap<Uuid, usize>,
    events_by_id: HashMap<Uuid, usize>,
    events_by_bid: HashMap<Uuid, usize>,
    inbox: HashMap<Uuid, usize>,
    standings: HashMap<Uuid, usize>,
    /// The smallest place of a failed event.
    failed: HashMap<Uuid, i64>,
}

impl LastIndex {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut index = Self::default();
        for (row, bid) in snapshot.bids.iter().enumerate() {
            index.bids.entry(bid.bid_id).or_insert(row);
        }
        for (row, event) in snapshot.events.iter().enumerate() {
            index.events_by_id.entry(event.id).or_insert(row);
            if let Ok(payload) = &event.payload {
                index.events_by_bid.entry(payload.bid_id).or_insert(row);
            }
            if event.status == "failed" {
                let first = index
                    .failed
                    .entry(event.auction_id)
                    .or_insert(event.sequence);
                *first = (*first).min(event.sequence);
            }
        }
        for (row, received) in snapshot.inbox.iter().enumerate() {
            index.inbox.entry(received.bid_id).or_insert(row);
        }
        for (row, standing) in snapshot.standings.iter().enumerate() {
            index.standings.entry(standing.auction_id).or_insert(row);
        }
        index
    }
}

/// The last snapshot and its rows by key.
#[derive(Debug, Clone, Copy)]
pub struct Last<'h> {
    /// The tables.
    pub tables: &'h Snapshot,
    index: &'h LastIndex,
}

impl<'h> Last<'h> {
    pub(super) fn new(tables: &'h Snapshot, index: &'h LastIndex) -> Self {
        Self { tables, index }
    }

    /// The row of a bid.
    pub fn bid(&self, bid_id: Uuid) -> Option<&'h BidRow> {
        self.index
            .bids
            .get(&bid_id)
            .map(|row| &self.tables.bids[*row])
    }

    /// The outbox row with this id.
    pub fn event(&self, id: Uuid) -> Option<&'h EventRow> {
        self.index
            .events_by_id
            .get(&id)
            .map(|row| &self.tables.events[*row])
    }

    /// The outbox row whose payload is about this bid.
    pub fn event_of(&self, bid_id: Uuid) -> Option<&'h EventRow> {
        let row = self.index.events_by_bid.get(&bid_id)?;
        Some(&self.tables.events[*row])
    }

    /// What the consumer keeps of a bid.
    pub fn received(&self, bid_id: Uuid) -> Option<&'h InboxRow> {
        self.index
            .inbox
            .get(&bid_id)
            .map(|row| &self.tables.inbox[*row])
    }

    /// An auction's standing.
    pub fn standing(&self, auction_id: Uuid) -> Option<&'h StandingRow> {
        let row = self.index.standings.get(&auction_id)?;
        Some(&self.tables.standings[*row])
    }

    /// Whether an event of the auction at this place or before it was given up, so that order keeps this one back.
    pub fn is_held_back(&self, auction_id: Uuid, sequence: i64) -> bool {
        self.index
            .failed
            .get(&auction_id)
            .is_some_and(|first| *first <= sequence)
    }
}
