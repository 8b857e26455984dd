//! From lines to commits, keeping what checkers need.

use super::{
    decoding::{Line, Misread, line},
    watched::Watched,
};
use crate::history::Commit;

/// What a line completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Completed {
    /// A transaction that wrote rows.
    Commit(Commit),
    /// A message of somebody's.
    Message(String),
}

/// Why lines do not make transactions.
#[derive(Debug, thiserror::Error)]
pub(super) enum Torn {
    #[error(transparent)]
    Misread(#[from] Misread),
    #[error("test_decoding printed {0:?} outside of its transaction")]
    Outside(String),
}

/// A transaction being read.
#[derive(Debug)]
pub(super) struct Assembly<'w> {
    watched: &'w Watched,
    open: Option<Commit>,
}

impl<'w> Assembly<'w> {
    /// Nothing is read yet.
    pub fn new(watched: &'w Watched) -> Self {
        Self {
            watched,
            open: None,
        }
    }

    /// Takes the next line.
    pub fn take(&mut self, text: &str) -> Result<Option<Completed>, Torn> {
        let outside = || Torn::Outside(text.to_owned());
        match line(text)? {
            Line::Begin { xid } if self.open.is_none() => {
                self.open = Some(Commit {
                    xid,
                    committed_at_us: 0,
                    changes: Vec::new(),
                    others: 0,
                });
            }
            Line::Begin { .. } => return Err(outside()),
            Line::Row(row) => {
                let open = self.open.as_mut().ok_or_else(outside)?;
                match self.watched.kept(&row) {
                    Some(change) => open.changes.push(change),
                    None => open.others += 1,
                }
            }
            Line::Truncate(tables) => {
                let open = self.open.as_mut().ok_or_else(outside)?;
                for table in tables {
                    match self.watched.emptied(&table) {
                        Some(change) => open.changes.push(change),
                        None => open.others += 1,
                    }
                }
            }
            Line::Message(said) => return Ok(Some(Completed::Message(said))),
            Line::Commit { xid, at_us } => {
                let mut commit = self.open.take().ok_or_else(outside)?;
                if commit.xid != xid {
                    return Err(outside());
                }
                commit.committed_at_us = at_us;
                let wrote = !commit.changes.is_empty() || commit.others > 0;
                return Ok(wrote.then_some(Completed::Commit(commit)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Change, Columns, Operation};

    fn all(lines: &[&str]) -> Result<Vec<Completed>, Torn> {
        let event: &'static [&'static str] = &["id", "status", "worker", "claim_token", "attempts"];
        let watched = Watched::these(&[
            ("orders", &["id"], &["id"]),
            ("outbox_events", event, event),
        ]);
        let mut assembly = Assembly::new(&watched);
        let completed: Result<Vec<_>, _> = lines.iter().map(|line| assembly.take(line)).collect();
        Ok(completed?.into_iter().flatten().collect())
    }

    #[test]
    fn rows_of_the_services_tables_are_kept_in_part_and_others_counted() {
        let done = all(&[
            "BEGIN 7",
            "table public.customers: UPDATE: id[uuid]:'1' orders[bigint]:4",
            "table other.orders: INSERT: id[uuid]:'2'",
            "table public.outbox_events: UPDATE: id[uuid]:'3' payload[jsonb]:'{}' status[text]:'processing' \
             worker[smallint]:6 claim_token[bigint]:null attempts[integer]:1",
            "COMMIT 7 (at 1970-01-01 00:00:01+00)",
            "BEGIN 8",
            "COMMIT 8 (at 1970-01-01 00:00:02+00)",
        ]);
        let columns = [
            ("attempts", Some("1")),
            ("claim_token", None),
            ("id", Some("3")),
            ("status", Some("processing")),
            ("worker", Some("6")),
        ];
        let expected = Commit {
            xid: 7,
            committed_at_us: 1_000_000,
            changes: vec![Change {
                table: "outbox_events".to_owned(),
                op: Operation::Update,
                row: columns
                    .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
                    .into(),
                old_key: Columns::new(),
                ids: Vec::new(),
            }],
            others: 2,
        };
        assert_eq!(done.expect("a commit"), [Completed::Commit(expected)]);
    }

    #[test]
    fn lines_outside_of_their_transaction_are_an_error() {
        assert!(matches!(
            all(&["COMMIT 7 (at 1970-01-01 00:00:01+00)"]),
            Err(Torn::Outside(_))
        ));
        assert!(matches!(
            all(&["BEGIN 7", "BEGIN 8"]),
            Err(Torn::Outside(_))
        ));
        assert!(matches!(
            all(&["table public.orders: DELETE: id[uuid]:'2'"]),
            Err(Torn::Outside(_))
        ));
        let other = ["BEGIN 7", "COMMIT 8 (at 1970-01-01 00:00:01+00)"];
        assert!(matches!(all(&other), Err(Torn::Outside(_))));
    }
}
