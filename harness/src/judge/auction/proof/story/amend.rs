//! What goes wrong in a ledger: changes to one that was told already.

use super::columns::{change, is};
use super::{Event, Story};
use crate::history::{Change, Commit, Operation, OutboxRow};

impl Story {
    /// Where a row's insert is: the entry, and its number among the commit's changes.
    pub(crate) fn written(&self, table: &str, key: impl ToString) -> (usize, usize) {
        let key = key.to_string();
        let found = self.events.iter().enumerate().find_map(|(at, event)| {
            let Event::Committed(commit) = event else {
                return None;
            };
            let is_it = |c: &Change| c.op == Operation::Insert && of(c, table, &key);
            Some((at, commit.changes.iter().position(is_it)?))
        });
        found.expect("a row that was written")
    }

    pub(crate) fn commit_at(&mut self, at: usize) -> &mut Commit {
        match &mut self.events[at] {
            Event::Committed(commit) => commit,
            other => panic!("no commit: {other:?}"),
        }
    }

    /// One more transaction, right after another one.
    pub(crate) fn commit_after(&mut self, at: usize, changes: Vec<Change>) {
        let commit = Commit {
            xid: 1_000_000,
            changes,
            ..self.commit_at(at).clone()
        };
        self.events.insert(at + 1, Event::Committed(commit));
    }

    /// One more transaction, after all others.
    pub(crate) fn commit_last(&mut self, changes: Vec<Change>) {
        let last = |event: &Event| matches!(event, Event::Committed(_));
        let at = self.events.iter().rposition(last).expect("a commit");
        self.commit_after(at, changes);
    }

    /// The event of a bid was sent, and retention has deleted it.
    pub(crate) fn delete_sent(&mut self, bid: u128) {
        let announces = |row: &OutboxRow| row.announces() == Some(Self::id(bid));
        let gone = self.tables.outbox.iter().find(|row| announces(row));
        let row = is(&gone.expect("an event").row);
        self.commit_last(vec![change(
            "outbox_events",
            Operation::Delete,
            &[("id", row)],
        )]);
        self.change_last(|tables| tables.outbox.retain(|row| !announces(row)));
    }

    /// What two transactions did, the other way round.
    pub(crate) fn swap_commits(&mut self, table: &str, one: impl ToString, other: impl ToString) {
        let (one, other) = (self.written(table, one).0, self.written(table, other).0);
        let changes = std::mem::take(&mut self.commit_at(one).changes);
        let changes = std::mem::replace(&mut self.commit_at(other).changes, changes);
        self.commit_at(one).changes = changes;
    }

    /// The claim under which an event was published.
    pub(crate) fn last_claim(&mut self, id: impl ToString) -> &mut Change {
        let id = id.to_string();
        let commits = self
            .events
            .iter_mut()
            .rev()
            .filter_map(|event| match event {
                Event::Committed(commit) => Some(commit),
                _ => None,
            });
        let claim = |c: &&mut Change| {
            of(c, "outbox_events", &id) && c.row.get("status") == Some(&is("processing"))
        };
        let mut changes = commits.flat_map(|commit| &mut commit.changes);
        changes.find(claim).expect("a claim")
    }

    /// Where a change is told last: the entry, and its number among the commit's changes.
    pub(crate) fn told(&self, change: &Change) -> (usize, usize) {
        let commits = self.events.iter().enumerate().rev();
        let mut found = commits.filter_map(|(at, event)| match event {
            Event::Committed(commit) => {
                let number = commit.changes.iter().position(|known| known == change)?;
                Some((at, number))
            }
            _ => None,
        });
        found.next().expect("a change that was told")
    }

    /// A bid's event was marked as published then, by the database's clock.
    pub(crate) fn mark_at(&mut self, bid: u128, at_us: i64) {
        let announces = |row: &&OutboxRow| row.announces() == Some(Self::id(bid));
        let row = self.tables.outbox.iter().find(announces);
        let row = is(&row.expect("an event").row);
        let marks = |change: &Change| {
            change.row.get("id") == Some(&row) && change.row.get("status") == Some(&is("published"))
        };
        for event in &mut self.events {
            if let Event::Committed(commit) = event
                && commit.changes.iter().any(marks)
            {
                commit.committed_at_us = at_us;
            }
        }
    }

    /// A column of a table is not in the log, as if nobody wrote it.
    pub(crate) fn forget_column(&mut self, table: &str, column: &str) {
        for event in &mut self.events {
            if let Event::Committed(commit) = event {
                let rows = commit.changes.iter_mut();
                let rows = rows.filter(|change| change.table == table);
                rows.for_each(|change| _ = change.row.remove(column));
            }
        }
    }

    /// As if a row had never been.
    pub(crate) fn unwrite(&mut self, table: &str, key: impl ToString) {
        let key = key.to_string();
        for event in &mut self.events {
            if let Event::Committed(commit) = event {
                commit.changes.retain(|change| !of(change, table, &key));
            }
        }
    }
}

fn of(change: &Change, table: &str, key: &str) -> bool {
    let column = match table {
        "outbox_events" => "id",
        "standings" => "auction_id",
        _ => "bid_id",
    };
    change.table == table && change.row.get(column) == Some(&is(key))
}
