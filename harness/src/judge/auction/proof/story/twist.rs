//! What goes wrong in a story: changes to one that was told already.

use super::{
    Condition, Delivery, Event, FaultPhase, Note, OutboxRow, Scenario, Snapshot, StandingRow,
    Story, Subject, Uuid, columns,
};
use crate::judge::proof::content::placed_at_us;

impl Story {
    pub(crate) fn scenario(&mut self, change: impl FnOnce(&mut Scenario)) {
        match &mut self.events[0] {
            Event::Begun { scenario, .. } => change(scenario),
            other => panic!("a story begins with `begun`, not {other:?}"),
        }
    }

    /// Another target is judged.
    pub(crate) fn subject(&mut self, change: impl FnOnce(&mut Subject)) {
        match &mut self.events[0] {
            Event::Begun { subject, .. } => change(subject),
            other => panic!("a story begins with `begun`, not {other:?}"),
        }
    }

    /// The servers run on another machine.
    pub(crate) fn clock_elsewhere(&mut self) {
        match &mut self.events[0] {
            Event::Begun { began_at_us, .. } => *began_at_us = None,
            other => panic!("a story begins with `begun`, not {other:?}"),
        }
    }

    /// Nothing happens for a while.
    pub(crate) fn time_passes(&mut self, us: u64) {
        self.pauses.push((self.events.len(), us));
    }

    /// Nothing happens for a while before an entry of a run that was told already.
    pub(crate) fn time_passes_before(&mut self, position: usize, us: u64) {
        self.pauses.push((position, us));
    }

    /// The system says everywhere that a bid was placed then. Before the run is finished.
    pub(crate) fn placed_at(&mut self, bid: u128, us: i64) {
        let id = Self::id(bid);
        let stored = self.tables.stored.iter_mut();
        let events = self.tables.outbox.iter_mut();
        let events = events.filter_map(|event| event.item.as_mut().ok());
        for item in stored.chain(events).filter(|item| item.id == id) {
            placed_at_us(&mut item.content, us);
        }
        let name = columns::is(id);
        let commits = self.events.iter_mut().filter_map(|event| match event {
            Event::Committed(commit) => Some(&mut commit.changes),
            _ => None,
        });
        for change in commits.flatten() {
            if change.table == "bids" && change.row.get("bid_id") == Some(&name) {
                let at = columns::is(columns::time(us));
                change.row.insert("placed_at".to_owned(), at);
            }
        }
    }

    pub(crate) fn bites(&mut self, fact: &str, condition: &str) {
        let condition = Condition::try_from(condition.to_owned()).expect("a condition");
        self.scenario(|scenario| _ = scenario.bites.insert(fact.to_owned(), condition));
    }

    pub(crate) fn expect(&mut self, fact: &str, condition: &str) {
        let condition = Condition::try_from(condition.to_owned()).expect("a condition");
        self.scenario(|scenario| _ = scenario.expect.facts.insert(fact.to_owned(), condition));
    }

    pub(crate) fn recovered_within(&mut self, budget: &str) {
        self.scenario(|scenario| scenario.expect.recovered_within = budget.to_owned());
    }

    pub(crate) fn not_recovered(&mut self) {
        self.not_recovered_but("1 row pending");
    }

    pub(crate) fn not_recovered_but(&mut self, last_seen: &str) {
        for event in &mut self.events {
            if matches!(event, Event::Recovered { .. }) {
                *event = Event::NotRecovered {
                    waited_ms: 15_000,
                    last_seen: last_seen.to_owned(),
                };
            }
        }
    }

    /// The server shows no commits.
    pub(crate) fn sampled(&mut self, why: &str) {
        let ledger = |event: &Event| {
            matches!(
                event,
                Event::Committed(_) | Event::LedgerOpened { .. } | Event::LedgerClosed { .. }
            )
        };
        self.drop_events(ledger);
        let why = why.to_owned();
        self.events.insert(1, Event::Sampled { why });
    }

    /// Before the run is finished.
    pub(crate) fn change_tables(&mut self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.tables);
    }

    /// After it is.
    pub(crate) fn change_last(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let last = self.events.iter_mut().rev().find_map(|event| match event {
            Event::Snapshot(snapshot) if snapshot.last => Some(snapshot),
            _ => None,
        });
        change(last.expect("a last snapshot"));
    }

    /// The first auction stands otherwise at the end.
    pub(crate) fn change_standing(&mut self, change: impl FnOnce(&mut StandingRow)) {
        self.change_last(|tables| tables.restand(change));
    }

    /// What was noted of auctions is otherwise.
    pub(crate) fn change_notes(&mut self, change: impl Fn(&mut Note)) {
        for event in &mut self.events {
            if let Some(mut note) = Note::of(event) {
                change(&mut note);
                *event = note.into();
            }
        }
    }

    /// Some of it is not there.
    pub(crate) fn drop_notes(&mut self, wrong: impl Fn(&Note) -> bool) {
        self.drop_events(|event| Note::of(event).is_some_and(|note| wrong(&note)));
    }

    /// One more snapshot shortly before the last one, made from it.
    pub(crate) fn snapshot_early(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let mut early = self.tables.clone();
        early.last = false;
        change(&mut early);
        self.insert_before_heal(Event::Snapshot(early));
    }

    pub(crate) fn drop_events(&mut self, wrong: impl Fn(&Event) -> bool) {
        self.events.retain(|event| !wrong(event));
    }

    /// One more request, so long after everything that no fault explains what became of it.
    pub(in crate::judge) fn ask_after_the_grace(&mut self, grace_us: u64) {
        let fenced = self.events.iter().position(|event| *event == Event::Fenced);
        let ended = self.events.split_off(fenced.expect("a finished story"));
        self.events
            .extend((0..grace_us / Self::TICK_US + 1).map(|_| Self::driven()));
        let op = self.ask(77, 1, 7_700);
        self.unavailable(op, 503);
        self.events.extend(ended);
    }

    /// A second fault, of which the run has recorded nothing.
    pub(crate) fn another_fault(&mut self, edge: &str) {
        self.scenario(|scenario| {
            let mut fault = scenario.faults[0].clone();
            fault.edge = Some(edge.to_owned());
            scenario.faults.push(fault);
        });
    }

    /// What was in place could not be: that is known at the same moment.
    pub(crate) fn cannot_be_in_place(&mut self) {
        for event in &mut self.events {
            if let Event::Fault { phase, .. } = event
                && *phase == FaultPhase::Applied
            {
                *phase = FaultPhase::Failed;
            }
        }
    }

    /// The fault is asked for as before, and in place only when all have been answered.
    pub(crate) fn in_place_late(&mut self) {
        let of = |wanted| move |event: &Event| matches!(event, Event::Fault { phase, .. } if *phase == wanted);
        let applied = self.events.iter().position(of(FaultPhase::Applied));
        let applied = self.events.remove(applied.expect("a fault in place"));
        let healed = self.events.iter().position(of(FaultPhase::Healed));
        self.events.insert(healed.expect("a healed fault"), applied);
    }

    pub(crate) fn push_before_end(&mut self, event: Event) {
        self.events.insert(self.events.len() - 1, event);
    }

    fn insert_before_heal(&mut self, event: Event) {
        let healed = self.events.iter().position(|event| *event == Event::Healed);
        self.events.insert(healed.expect("a healed run"), event);
    }

    pub(crate) fn deliver_event(&mut self, event: OutboxRow) {
        self.insert_before_heal(Self::delivery(&event));
    }

    fn event_of(&self, id: Uuid) -> OutboxRow {
        let about = |event: &&OutboxRow| event.announces() == Some(id);
        self.tables
            .outbox
            .iter()
            .find(about)
            .expect("an event")
            .clone()
    }

    /// The relay publishes the event once more.
    pub(crate) fn deliver_again(&mut self, bid: u128) {
        self.deliver_event(self.event_of(Self::id(bid)));
    }

    /// So many entries, a millisecond each, between the fault's heal and the time when its damage was made good.
    pub(crate) fn linger_before_caught_up(&mut self, entries: usize) {
        let caught_up = self
            .events
            .iter()
            .position(|event| matches!(event, Event::CaughtUp { .. }))
            .expect("a run that caught up");
        let idle = Event::Backlog {
            rows: 0,
            processing: 0,
        };
        self.events
            .splice(caught_up..caught_up, std::iter::repeat_n(idle, entries));
    }

    /// A process says what it has counted.
    pub(crate) fn counts(&mut self, process: &str, counter: &str, count: u64) {
        self.push_before_end(Event::Counted {
            process: process.to_owned(),
            counters: [(counter.to_owned(), count)].into(),
        });
    }

    /// Behind the fence.
    pub(crate) fn deliver_at_the_end(&mut self, bid: u128) {
        let delivery = Self::delivery(&self.event_of(Self::id(bid)));
        self.push_before_end(delivery);
    }

    /// The broker hands the witness the same copy once more.
    pub(crate) fn redeliver(&mut self, bid: u128) {
        self.deliver_again(bid);
        self.last_delivery().redelivered = true;
    }

    pub(crate) fn last_delivery(&mut self) -> &mut Delivery {
        let last = self.events.iter_mut().rev().find_map(|event| match event {
            Event::Delivered(delivery) => Some(delivery),
            _ => None,
        });
        last.expect("a delivery")
    }

    /// What consumers tell a bid's message by.
    pub(crate) fn delivered_as(&self, bid: u128) -> Option<String> {
        match &self.events[self.delivery_of(bid)] {
            Event::Delivered(delivery) => delivery.dedup.clone(),
            _ => None,
        }
    }

    /// A bid's message came under another name.
    pub(crate) fn deliver_as(&mut self, bid: u128, name: Option<String>) {
        let at = self.delivery_of(bid);
        if let Event::Delivered(delivery) = &mut self.events[at] {
            delivery.dedup = name;
        }
    }

    fn delivery_of(&self, bid: u128) -> usize {
        let wanted = Self::id(bid);
        let found = self.events.iter().position(|event| {
            matches!(event, Event::Delivered(Delivery { item: Ok(item), .. }) if item.id == wanted)
        });
        found.expect("a delivery of that bid")
    }

    /// The witness never sees the event at all.
    pub(crate) fn lose_delivery(&mut self, bid: u128) {
        let wanted = Self::id(bid);
        self.drop_events(|event| {
            matches!(event, Event::Delivered(Delivery { item: Ok(item), .. }) if item.id == wanted)
        });
    }

    /// No tap hears a message about a bid.
    pub(crate) fn unheard(&mut self, what: &str, bid: u128) {
        while let Some(at) = self.heard(what, bid) {
            self.events.remove(at);
        }
    }

    /// Messages about two bids pass in each other's place.
    pub(crate) fn swap_heard(&mut self, what: &str, one: u128, other: u128) {
        let of = |bid| self.heard(what, bid).expect("a message that was heard");
        let (one, other) = (of(one), of(other));
        self.events.swap(one, other);
    }

    /// A fault has struck the first such message about a bid.
    pub(crate) fn strike(&mut self, what: &str, bid: u128) {
        let at = self.heard(what, bid).expect("a message that was heard");
        if let Event::Passed { struck, .. } = &mut self.events[at] {
            *struck = true;
        }
    }

    fn heard(&self, what: &str, bid: u128) -> Option<usize> {
        let id = Self::id(bid);
        let is_it = |event: &Event| matches!(event, Event::Passed { what: heard, ops, .. } if heard == what && ops.contains(&id));
        self.events.iter().position(is_it)
    }

    pub(crate) fn swap_deliveries(&mut self, one: u128, other: u128) {
        let (one, other) = (self.delivery_of(one), self.delivery_of(other));
        self.events.swap(one, other);
    }
}
