//! From lines to commits, keeping what checkers need.

use super::decoding::{Column, Line, Misread, Row, Value, line};
use crate::history::{Change, Columns, Commit, Operation};

/// The schema that the service's tables are in.
const SCHEMA: &str = "public";

/// What is kept of a table's rows.
struct Kept {
    table: &'static str,
    /// Of a new row.
    inserted: &'static [&'static str],
    /// Of one that was there; less where rows are updated often and most columns never change.
    updated: &'static [&'static str],
}

const KEPT: [Kept; 5] = [
    Kept {
        table: "bids",
        inserted: BID,
        updated: BID,
    },
    Kept {
        table: "outbox_events",
        inserted: &[
            "id",
            "event_type",
            "payload",
            "status",
            "auction_id",
            "sequence",
            "lane",
            "claim_token",
            "attempts",
        ],
        updated: &["id", "status", "lane", "claim_token", "attempts"],
    },
    Kept {
        table: "inbox",
        inserted: RECEIVED,
        updated: RECEIVED,
    },
    Kept {
        table: "standings",
        inserted: STANDING,
        updated: STANDING,
    },
    Kept {
        table: "relay_lanes",
        inserted: LANE,
        updated: LANE,
    },
];
const BID: &[&str] = &[
    "bid_id",
    "auction_id",
    "user_id",
    "amount",
    "sequence",
    "placed_at",
];
const RECEIVED: &[&str] = &["bid_id", "auction_id", "sequence", "applied_at"];
const STANDING: &[&str] = &["auction_id", "last_sequence", "bid_count"];
const LANE: &[&str] = &["lane", "owner", "token", "lease_until", "draining"];

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
#[derive(Debug, Default)]
pub(super) struct Assembly {
    open: Option<Commit>,
}

impl Assembly {
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
                match kept(&row) {
                    Some(change) => open.changes.push(change),
                    None => open.others += 1,
                }
            }
            Line::Truncate(tables) => {
                let open = self.open.as_mut().ok_or_else(outside)?;
                for table in tables {
                    match watched(&table.schema, &table.name) {
                        Some(kept) => open.changes.push(Change {
                            table: kept.table.to_owned(),
                            op: Operation::Truncate,
                            row: Columns::new(),
                            old_key: Columns::new(),
                        }),
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

fn watched(schema: &str, table: &str) -> Option<&'static Kept> {
    let found = KEPT.iter().find(|kept| kept.table == table)?;
    (schema == SCHEMA).then_some(found)
}

fn kept(row: &Row) -> Option<Change> {
    let kept = watched(&row.table.schema, &row.table.name)?;
    let wanted = match row.op {
        Operation::Update => kept.updated,
        _ => kept.inserted,
    };
    Some(Change {
        table: kept.table.to_owned(),
        op: row.op,
        row: columns(&row.columns, wanted),
        old_key: columns(&row.old_key, wanted),
    })
}

fn columns(of: &[Column], wanted: &[&str]) -> Columns {
    of.iter()
        .filter(|(name, _)| wanted.contains(&name.as_str()))
        .filter_map(|(name, value)| match value {
            Value::Null => Some((name.clone(), None)),
            Value::Text(text) => Some((name.clone(), Some(text.clone()))),
            Value::Unchanged => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &[&str]) -> Result<Vec<Completed>, Torn> {
        let mut assembly = Assembly::default();
        let completed: Result<Vec<_>, _> = lines.iter().map(|line| assembly.take(line)).collect();
        Ok(completed?.into_iter().flatten().collect())
    }

    #[test]
    fn rows_of_the_services_tables_are_kept_in_part_and_others_counted() {
        let done = all(&[
            "BEGIN 7",
            "table public.auctions: UPDATE: auction_id[uuid]:'1' last_sequence[bigint]:4",
            "table other.bids: INSERT: bid_id[uuid]:'2'",
            "table public.outbox_events: UPDATE: id[uuid]:'3' payload[jsonb]:'{}' status[text]:'processing' \
             lane[smallint]:6 claim_token[bigint]:null attempts[integer]:1",
            "COMMIT 7 (at 1970-01-01 00:00:01+00)",
            "BEGIN 8",
            "COMMIT 8 (at 1970-01-01 00:00:02+00)",
        ]);
        let columns = [
            ("attempts", Some("1")),
            ("claim_token", None),
            ("id", Some("3")),
            ("lane", Some("6")),
            ("status", Some("processing")),
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
            all(&["table public.bids: DELETE: bid_id[uuid]:'2'"]),
            Err(Torn::Outside(_))
        ));
        let other = ["BEGIN 7", "COMMIT 8 (at 1970-01-01 00:00:01+00)"];
        assert!(matches!(all(&other), Err(Torn::Outside(_))));
    }
}
