//! How each fact is counted.

use std::collections::HashSet;

use super::Facts;
use crate::history::{EffectRow, Event, History, Op, OutboxRow, Outcome, State};

impl Facts {
    pub(super) fn set(&mut self, name: &str, value: usize) {
        self.0.insert(name.to_owned(), value as u64);
    }

    pub(super) fn count_requests(&mut self, history: &History) {
        let count = |holds: &dyn Fn(&Op) -> bool| {
            let workload = history.ops().values().filter(|op| op.is_workload());
            workload.filter(|op| holds(op)).count()
        };
        let status = |op: &Op| match op.outcome() {
            Some(Outcome::Unknown {
                status: Some(status),
                ..
            }) => *status,
            _ => 0,
        };
        let answered = |op: &Op| op.completed.as_ref().map(|(position, _)| *position);
        let within_one_fault = |op: &Op| {
            let covers_both = |end| {
                history
                    .faults()
                    .values()
                    .any(|f| f.covers(op.invoked) && f.covers(end))
            };
            answered(op).is_some_and(covers_both)
        };
        let touches_fault = |op: &Op| {
            history.in_fault(op.invoked) || answered(op).is_some_and(|end| history.in_fault(end))
        };

        self.set("requests", count(&|_| true));
        self.set("accepted", count(&Op::is_accepted));
        self.set(
            "refused",
            count(&|op| matches!(op.outcome(), Some(Outcome::Refused { .. }))),
        );
        self.set("unavailable", count(&|op| status(op) == 503));
        self.set("unknown", count(&Op::is_unknown));
        let unanswered = |op: &Op| {
            let outcome = op.outcome();
            matches!(outcome, None | Some(Outcome::Unknown { status: None, .. }))
        };
        self.set("unanswered", count(&unanswered));
        self.set(
            "accepted_during_fault",
            count(&|op| op.is_accepted() && within_one_fault(op)),
        );
        self.set(
            "unavailable_during_fault",
            count(&|op| status(op) == 503 && touches_fault(op)),
        );
        if let Some(last) = history.last() {
            let stored = |op: &Op| last.stored(op.asked.id).is_some();
            self.set("unknown_stored", count(&|op| op.is_unknown() && stored(op)));
            self.set(
                "unknown_absent",
                count(&|op| op.is_unknown() && !stored(op)),
            );
        }
    }

    pub(super) fn count_deliveries(&mut self, history: &History) {
        let (mut again, mut flagged) = (0, 0);
        let mut seen = HashSet::new();
        for (_, delivery) in history.deliveries() {
            // A copy to the witness alone (the broker's redelivery) is not a copy to anybody else.
            let copy = delivery.name().is_some_and(|name| !seen.insert(name));
            again += usize::from(copy && !delivery.redelivered);
            flagged += usize::from(delivery.redelivered);
        }
        let orders = history.first_deliveries();
        let reordered = orders
            .values()
            .map(|order| crate::judge::reorder::reordered(order).len());
        self.set("deliveries", history.deliveries().count());
        self.set("deliveries_again", again);
        self.set("redeliveries", flagged);
        self.set("reordered_deliveries", reordered.sum());
        self.set(
            "keys_with_3_events",
            orders.values().filter(|order| order.len() >= 3).count(),
        );
    }

    pub(super) fn count_samples(&mut self, history: &History) {
        let (mut peak, mut in_fault, mut processing_peak) = (None, None, None);
        for (position, event) in history.events().enumerate() {
            match event {
                Event::Backlog { rows, processing } => {
                    peak = peak.max(Some(*rows));
                    processing_peak = processing_peak.max(Some(*processing));
                    if history.in_fault(position) {
                        in_fault = in_fault.max(Some(*rows));
                    }
                }
                Event::Driven { held_back, .. } => {
                    self.0.insert("requests_held_back".to_owned(), *held_back);
                }
                Event::Recovered { after_ms: ms } | Event::NotRecovered { waited_ms: ms, .. } => {
                    self.0.insert("recovery_ms".to_owned(), *ms);
                }
                _ => {}
            }
        }
        if history
            .scenario()
            .is_some_and(|told| told.faults.is_empty())
        {
            // During no fault there was nothing.
            in_fault = in_fault.or(Some(0));
        }
        let parked =
            |effects: &[EffectRow]| effects.iter().filter(|row| row.times == 0).count() as u64;
        let parked_peak = history
            .snapshots()
            .map(|snapshot| parked(&snapshot.effects))
            .max();
        let peaks = [
            ("backlog_peak", peak),
            ("backlog_during_fault_peak", in_fault),
            ("processing_peak", processing_peak),
            ("parked_peak", parked_peak),
        ];
        for (name, peak) in peaks {
            // Not sampled is not 0.
            self.0.extend(peak.map(|rows| (name.to_owned(), rows)));
        }
        self.set("snapshots", history.snapshots().count());
    }

    pub(super) fn count_faults(&mut self, history: &History) {
        let mut total = 0;
        for fault in 0..history
            .scenario()
            .map_or(0, |scenario| scenario.faults.len())
        {
            let life = history.faults().get(&fault);
            let bites: u64 = life.map_or(0, |life| life.counted().values().sum());
            self.0.insert(format!("fault_{}_bites", fault + 1), bites);
            total += bites;
        }
        self.0.insert("fault_bites".to_owned(), total);
        let applied = history
            .faults()
            .values()
            .filter(|life| life.applied.is_some());
        self.set("faults_applied", applied.count());
    }

    pub(super) fn count_rows(&mut self, history: &History) {
        let Some(last) = history.last() else { return };
        let tables = last.tables;
        self.set("stored", tables.stored.len());
        self.set("events", tables.outbox.len());
        self.set(
            "events_failed",
            tables
                .outbox
                .iter()
                .filter(|row| row.state == State::GivenUp)
                .count(),
        );
        let held =
            |row: &&OutboxRow| row.state == State::Waiting && last.is_held_back(row.key, row.n);
        self.set("events_held", tables.outbox.iter().filter(held).count());
        self.set(
            "parked",
            tables.effects.iter().filter(|row| row.times == 0).count(),
        );
        self.set(
            "events_retried",
            tables
                .outbox
                .iter()
                .filter(|row| row.attempts > Some(1))
                .count(),
        );
        self.set(
            "applied",
            tables.effects.iter().filter(|row| row.times > 0).count(),
        );
        self.0
            .insert("dead_letters".to_owned(), tables.dead_letters);
        self.0.insert(
            "redelivered_to_consumer".to_owned(),
            tables.redelivered_to_consumer,
        );
    }
}

#[cfg(test)]
mod tests;
