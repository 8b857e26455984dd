//! The rows of a database, each with all that happened to it, as its log tells.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::schema::Schema;
use crate::{
    ask::id::Run,
    history::{Change, Columns, Commit, Operation},
    run::about::About,
};

/// A commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// The transaction.
    pub xid: u32,
    /// Microseconds since the Unix epoch, by the database's clock.
    pub at_us: i64,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its table, as the log calls it.
    pub table: String,
    /// The operations that it was about at its beginning.
    pub ids: Vec<Uuid>,
    /// The columns in which they stand.
    pub columns: BTreeSet<String>,
    /// When it was written.
    pub born: When,
    /// All that it has been, in order.
    pub versions: Vec<Columns>,
    /// When it was deleted.
    pub gone: Option<When>,
}

/// Rows, in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// All of them.
    pub all: Vec<Row>,
    /// How many rows of tables without a key were deleted, of which the log does not say which.
    pub nameless_deletes: BTreeMap<String, usize>,
    /// Updates of rows that were there before: a table, its row, in order.
    pub others: Vec<(String, Columns)>,
}

/// A row's name in the log: its table, and what is in its key.
type Name = (String, Vec<Option<String>>);

impl Rows {
    /// What commits say.
    pub fn of<'c>(
        commits: impl IntoIterator<Item = &'c Commit>,
        schema: &Schema,
        run: Run,
    ) -> Self {
        let mut rows = Self::default();
        let mut known: HashMap<Name, usize> = HashMap::new();
        for commit in commits {
            let when = When {
                xid: commit.xid,
                at_us: commit.committed_at_us,
            };
            for change in &commit.changes {
                rows.take(change, when, schema, run, &mut known);
            }
        }
        rows
    }

    fn take(
        &mut self,
        change: &Change,
        when: When,
        schema: &Schema,
        run: Run,
        known: &mut HashMap<Name, usize>,
    ) {
        let own = name(&change.table, &change.row, schema);
        match change.op {
            Operation::Insert => {
                if let Some(own) = own {
                    known.insert(own, self.all.len());
                }
                self.all.push(Row::new(change, when, run));
            }
            Operation::Update => {
                let before = match change.old_key.is_empty() {
                    true => own.clone(),
                    false => name(&change.table, &change.old_key, schema),
                };
                let at = match &before {
                    Some(before) => known.remove(before),
                    None => self.only_of(change),
                };
                match at {
                    Some(at) => {
                        known.extend(own.map(|own| (own, at)));
                        self.all[at].becomes(&change.row);
                    }
                    None => self.others.push((change.table.clone(), change.row.clone())),
                }
            }
            Operation::Delete => match own {
                Some(own) => {
                    if let Some(at) = known.remove(&own) {
                        self.all[at].gone = Some(when);
                    }
                }
                None => {
                    *self
                        .nameless_deletes
                        .entry(change.table.clone())
                        .or_default() += 1
                }
            },
            Operation::Truncate => {
                let living = self.all.iter_mut();
                living
                    .filter(|row| row.table == change.table && row.gone.is_none())
                    .for_each(|row| row.gone = Some(when));
            }
        }
    }

    /// The row of a table without a key that an update means, by the operation in it.
    fn only_of(&self, change: &Change) -> Option<usize> {
        self.all.iter().rposition(|row| {
            row.table == change.table && !change.ids.is_empty() && row.ids == change.ids
        })
    }

    /// Those of a table.
    pub fn of_table<'r>(&'r self, table: &'r str) -> impl Iterator<Item = &'r Row> {
        self.all.iter().filter(move |row| row.table == table)
    }

    /// The tables that have rows about operations, in the order in which they were first written.
    pub fn tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = Vec::new();
        for row in self.all.iter().filter(|row| !row.ids.is_empty()) {
            if !tables.contains(&row.table.as_str()) {
                tables.push(&row.table);
            }
        }
        tables
    }
}

fn name(table: &str, columns: &Columns, schema: &Schema) -> Option<Name> {
    let key = schema.key(table);
    if key.is_empty() || columns.is_empty() {
        return None;
    }
    let values = key
        .iter()
        .map(|column| columns.get(*column).cloned().flatten());
    Some((table.to_owned(), values.collect()))
}

impl Row {
    fn new(change: &Change, when: When, run: Run) -> Self {
        let columns = change.row.iter().filter(|(_, value)| {
            let text = value.as_deref().unwrap_or_default();
            !About::of([text.as_bytes()], run).ids.is_empty()
        });
        Self {
            table: change.table.clone(),
            ids: change.ids.clone(),
            columns: columns.map(|(name, _)| name.clone()).collect(),
            born: when,
            versions: vec![change.row.clone()],
            gone: None,
        }
    }

    /// What an update leaves where it was stored is not said again.
    fn becomes(&mut self, row: &Columns) {
        let mut now = self.last().clone();
        now.extend(row.clone());
        self.versions.push(now);
    }

    /// As it was written.
    pub fn first(&self) -> &Columns {
        &self.versions[0]
    }

    /// As it is, or was before it was deleted.
    pub fn last(&self) -> &Columns {
        &self.versions[self.versions.len() - 1]
    }

    /// Whether it is about one of these operations.
    pub fn is_about(&self, ids: impl IntoIterator<Item = Uuid>) -> bool {
        ids.into_iter().any(|id| self.ids.contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::id::Id;

    fn change(
        table: &str,
        op: Operation,
        row: &[(&str, &str)],
        old_key: &[(&str, &str)],
    ) -> Change {
        let columns = |of: &[(&str, &str)]| -> Columns {
            of.iter()
                .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
                .collect()
        };
        let row = columns(row);
        let ids = About::of(row.values().flatten().map(String::as_bytes), Run::of(1)).ids;
        Change {
            table: table.to_owned(),
            op,
            ids: ids.into_iter().map(Id::uuid).collect(),
            row,
            old_key: columns(old_key),
        }
    }

    fn commit(xid: u32, changes: Vec<Change>) -> Commit {
        Commit {
            xid,
            committed_at_us: i64::from(xid),
            changes,
            others: 0,
        }
    }

    #[test]
    fn a_row_is_followed_by_its_key_through_updates_to_its_end() {
        use Operation::{Delete, Insert, Update};
        let schema = Schema::made_of(&[("public.outbox", &[("seq", "bigint", true)])]);
        let id = Id {
            run: Run::of(1),
            key: 1,
            number: 1,
        };
        let note = format!("order {}", id.uuid());
        let commits = [
            commit(
                1,
                vec![change(
                    "public.outbox",
                    Insert,
                    &[("seq", "7"), ("note", &note), ("state", "new")],
                    &[],
                )],
            ),
            // Its key is another one, and its note is not said again.
            commit(
                2,
                vec![change(
                    "public.outbox",
                    Update,
                    &[("seq", "8"), ("state", "sent")],
                    &[("seq", "7")],
                )],
            ),
            commit(
                3,
                vec![change("public.outbox", Delete, &[("seq", "8")], &[])],
            ),
            commit(
                4,
                vec![change("public.cursor", Update, &[("upto", "8")], &[])],
            ),
            commit(5, vec![change("public.cursor", Delete, &[], &[])]),
        ];
        let rows = Rows::of(&commits, &schema, Run::of(1));
        assert_eq!(rows.all.len(), 1);
        let row = &rows.all[0];
        assert_eq!(row.ids, [id.uuid()]);
        assert_eq!(
            row.columns.iter().map(String::as_str).collect::<Vec<_>>(),
            ["note"]
        );
        assert_eq!(row.versions.len(), 2);
        assert_eq!(row.last()["note"].as_deref(), Some(note.as_str()));
        assert_eq!(row.last()["state"].as_deref(), Some("sent"));
        assert_eq!(row.gone, Some(When { xid: 3, at_us: 3 }));
        assert_eq!(rows.others.len(), 1);
        assert_eq!(rows.nameless_deletes["public.cursor"], 1);
        assert_eq!(rows.tables(), ["public.outbox"]);
    }
}
