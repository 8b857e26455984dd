//! What a commit did to events, sorted by what it means.

use std::collections::BTreeMap;

use super::names::Names;
use crate::judge::auction::model::{Action, EventNo, LaneNo, Status, Token};
use crate::judge::auction::replay::{OutboxEvent, Step, Turn};

/// Events by what became of them.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// New.
    pub stored: Vec<EventNo>,
    /// From pending to processing, by lane.
    pub taken: BTreeMap<LaneNo, Vec<EventNo>>,
    /// From pending to held, by lane.
    pub aside: BTreeMap<LaneNo, Vec<EventNo>>,
    /// From processing to pending, by lane.
    pub back: BTreeMap<LaneNo, Vec<EventNo>>,
    /// From processing to failed, by lane, and under which token.
    pub failed: BTreeMap<LaneNo, Vec<(EventNo, Token)>>,
    /// In flight under another token, by lane.
    pub retaken: BTreeMap<LaneNo, Vec<EventNo>>,
    /// From processing to published, and under which token.
    pub marked: Vec<(EventNo, Token)>,
    /// From failed to pending, by lane.
    pub requeued: BTreeMap<LaneNo, Vec<EventNo>>,
    /// From held to pending, by lane.
    pub let_go: BTreeMap<LaneNo, Vec<EventNo>>,
    /// Mended, or deleted.
    pub others: Vec<Action>,
    /// As the rows have it afterwards.
    pub after: Vec<(EventNo, Status, bool)>,
    /// What the outbox does not know.
    pub odd: Option<String>,
}

impl Turns {
    pub fn of(steps: &[Step], names: &Names) -> Self {
        let mut turns = Self::default();
        for step in steps {
            if let Step::Event(turn) = step {
                let row = turn.after.as_ref().or(turn.before.as_ref());
                if let Some(number) = row.and_then(|row| names.event(row.id)) {
                    turns.take(number, turn);
                }
            }
        }
        turns
    }

    fn take(&mut self, event: EventNo, turn: &Turn<OutboxEvent>) {
        let Some(after) = &turn.after else {
            self.others.push(Action::Purge { event });
            self.after.push((event, Status::Gone, false));
            return;
        };
        self.after.retain(|(known, ..)| *known != event);
        self.after.push((event, status(after), after.held));
        let Some(before) = &turn.before else {
            self.stored.push(event);
            return;
        };
        let lane = after.lane;
        let token = before.claim_token.unwrap_or_default();
        let of =
            |lanes: &mut BTreeMap<LaneNo, Vec<EventNo>>| lanes.entry(lane).or_default().push(event);
        match (before.status.as_str(), after.status.as_str()) {
            ("pending", "processing") => of(&mut self.taken),
            ("pending", "pending") if !before.held && after.held => of(&mut self.aside),
            ("pending", "pending") if before.held && !after.held => of(&mut self.let_go),
            ("processing", "pending") => of(&mut self.back),
            ("processing", "failed") => self.failed.entry(lane).or_default().push((event, token)),
            ("processing", "published") => self.marked.push((event, token)),
            ("processing", "processing") if before.claim_token != after.claim_token => {
                of(&mut self.retaken);
            }
            ("failed", "pending") => of(&mut self.requeued),
            // Its payload, which the log of an update does not show.
            ("failed" | "pending", same) if same == before.status && before.item.is_err() => {
                self.others.push(Action::Mend { event });
            }
            (same, other) if same == other => {}
            (from, to) => self.odd = Some(format!("event {} from {from} to {to}", after.id)),
        }
    }
}

fn status(row: &OutboxEvent) -> Status {
    match (row.status.as_str(), row.claim_token) {
        ("pending", _) => Status::Pending,
        ("processing", token) => Status::Processing(token.unwrap_or_default()),
        ("published", _) => Status::Published,
        _ => Status::Failed,
    }
}
