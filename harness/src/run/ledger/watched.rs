//! Which tables' rows enter the history, and what of them.

use uuid::Uuid;

use super::decoding::{Column, Row, Table, Value};
use crate::{
    ask::{
        id::Run,
        target::{Target, effects::Effects, sql::TableName},
    },
    history::{Change, Columns, Operation},
    run::about::About,
};

/// Longer than this are payloads; keys, states, counts and times are shorter. In characters.
const SHORT: usize = 100;

/// The tables whose rows enter the history. Those of all others are counted.
#[derive(Debug, Clone)]
pub struct Watched {
    tables: Vec<Kept>,
    /// Whether the rows of all others enter it as well, whole, under their schema's and their table's names.
    all: bool,
    /// Whose ids are looked for in rows, where they are the lab's own.
    run: Option<Run>,
}

/// What is kept of a table's rows.
#[derive(Debug, Clone)]
struct Kept {
    /// Whatever schema, where none is said.
    schema: Option<String>,
    table: String,
    /// Of a new row.
    inserted: Keeps,
    /// Of one that was there; less where rows are updated often and most columns never change.
    updated: Keeps,
}

/// Columns.
pub type Names = &'static [&'static str];

/// Which columns.
#[derive(Debug, Clone, Copy)]
enum Keeps {
    /// These.
    These(Names),
    /// Whatever is short.
    Short,
    /// All of them.
    Everything,
}

impl Watched {
    /// These, of a target whose checkers know each column: what is kept of a new row of each, and of a changed one.
    pub fn these(tables: &[(&str, Names, Names)]) -> Self {
        let kept = tables.iter().map(|(table, inserted, updated)| Kept {
            schema: Some("public".to_owned()),
            table: (*table).to_owned(),
            inserted: Keeps::These(inserted),
            updated: Keeps::These(updated),
        });
        Self {
            tables: kept.collect(),
            all: false,
            run: None,
        }
    }

    /// Those that a target file names, whether they are there yet or not: what is stored, the outbox and its archive, and
    /// the table of effects. Their short columns are kept, and the operations that are found anywhere in a row. A deleted row
    /// shows its key alone: what it was about stands with the insert that has the same key.
    pub fn of(target: &Target, run: Run) -> Self {
        let outbox = target.outbox.iter();
        let outbox = outbox.flat_map(|outbox| [Some(&outbox.table), outbox.archive.as_ref()]);
        let effects = match &target.effects {
            Some(Effects::Rows { table, .. }) => Some(table),
            Some(Effects::Query(_)) | None => None,
        };
        let all = outbox.chain([target.look.business.as_ref(), effects]);
        let mut tables: Vec<Kept> = Vec::new();
        for table in all.flatten() {
            let kept = Kept::short(table);
            if !tables.iter().any(|known| known.is_of_name(&kept)) {
                tables.push(kept);
            }
        }
        Self {
            tables,
            all: false,
            run: Some(run),
        }
    }

    /// Every table that there is or will be, each row with all that is in it: for whoever does not know yet which of them
    /// matter. A table is called `schema.table` there.
    pub fn everything(run: Run) -> Self {
        Self {
            tables: Vec::new(),
            all: true,
            run: Some(run),
        }
    }

    /// What enters the history of a row; none if it is another table's.
    pub(super) fn kept(&self, row: &Row) -> Option<Change> {
        let (table, kept) = self.table(&row.table)?;
        let keeps = match row.op {
            Operation::Update => kept.updated,
            _ => kept.inserted,
        };
        Some(Change {
            table,
            op: row.op,
            row: columns(&row.columns, keeps),
            old_key: columns(&row.old_key, keeps),
            ids: self.ids(row),
        })
    }

    /// What enters the history of a table that was emptied.
    pub(super) fn emptied(&self, table: &Table) -> Option<Change> {
        let (table, _) = self.table(table)?;
        Some(Change {
            table,
            op: Operation::Truncate,
            row: Columns::new(),
            old_key: Columns::new(),
            ids: Vec::new(),
        })
    }

    /// What a table is called in the history, and what is kept of it.
    fn table(&self, table: &Table) -> Option<(String, Kept)> {
        let kept = self.tables.iter().find(|kept| kept.is(table));
        match kept {
            Some(kept) => Some((kept.table.clone(), kept.clone())),
            None if self.all => {
                let kept = Kept::whole(table);
                Some((format!("{}.{}", table.schema, table.name), kept))
            }
            None => None,
        }
    }

    fn ids(&self, row: &Row) -> Vec<Uuid> {
        let Some(run) = self.run else {
            return Vec::new();
        };
        let texts = row.columns.iter().chain(&row.old_key);
        let texts = texts.filter_map(|(_, value)| match value {
            Value::Text(text) => Some(text.as_bytes()),
            Value::Null | Value::Unchanged => None,
        });
        let ids = About::of(texts, run).ids.into_iter();
        ids.map(|id| id.uuid()).collect()
    }
}

impl Kept {
    fn short(table: &TableName) -> Self {
        let (schema, table) = table.parts();
        Self {
            schema,
            table,
            inserted: Keeps::Short,
            updated: Keeps::Short,
        }
    }

    fn whole(table: &Table) -> Self {
        Self {
            schema: Some(table.schema.clone()),
            table: table.name.clone(),
            inserted: Keeps::Everything,
            updated: Keeps::Everything,
        }
    }

    fn is(&self, table: &Table) -> bool {
        let schema = self.schema.as_ref();
        self.table == table.name && schema.is_none_or(|schema| *schema == table.schema)
    }

    fn is_of_name(&self, other: &Self) -> bool {
        self.table == other.table && self.schema == other.schema
    }
}

fn columns(of: &[Column], keeps: Keeps) -> Columns {
    let wanted = |name: &str, value: &Value| match (keeps, value) {
        (Keeps::These(names), _) => names.contains(&name),
        (Keeps::Short, Value::Text(text)) => text.chars().nth(SHORT).is_none(),
        (Keeps::Short, Value::Null | Value::Unchanged) | (Keeps::Everything, _) => true,
    };
    of.iter()
        .filter(|(name, value)| wanted(name, value))
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
    use crate::{
        ask::id::Id,
        run::ledger::decoding::{Line, line},
    };

    const TARGET: &str = r#"
        name = "shop"
        promise = { order = "none" }
        [write]
        sql = "SELECT '{{id}}'"
        [look]
        business = "orders"
        [outbox]
        table = 'outbox."Messages"'
        archive = "outbox.sent"
        [witness]
        exchange = "shop.events"
        [[process]]
        name = "relay"
        run = "./relay"
        env = { A = "{{postgres.url}}", B = "{{rabbitmq.url}}" }
    "#;

    fn kept(text: &str) -> Option<Change> {
        let target = Target::read(TARGET).expect("a target");
        match line(text).expect("a line") {
            Line::Row(row) => Watched::of(&target, Run::of(1)).kept(&row),
            other => panic!("{other:?}"),
        }
    }

    fn id() -> Id {
        Id {
            run: Run::of(1),
            key: 2,
            number: 3,
        }
    }

    #[test]
    fn the_tables_of_a_file_are_watched_and_no_others() {
        for watched in [
            "public.orders",
            "other.orders",
            "outbox.\"Messages\"",
            "outbox.sent",
        ] {
            let found = kept(&format!("table {watched}: INSERT: id[integer]:1"));
            assert!(found.is_some(), "{watched}");
        }
        for other in ["public.\"Messages\"", "outbox.messages", "public.customers"] {
            let found = kept(&format!("table {other}: INSERT: id[integer]:1"));
            assert!(found.is_none(), "{other}");
        }
    }

    #[test]
    fn a_row_is_known_by_the_operations_in_it_and_keeps_what_is_short() {
        let payload: String = format!(
            "{{\"order\":\"{}\",\"pad\":\"{}\"}}",
            id().uuid(),
            "x".repeat(90)
        )
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
        let change = kept(&format!(
            "table outbox.\"Messages\": INSERT: id[bigint]:7 status[text]:'new' sent_at[date]:null payload[bytea]:'\\x{payload}'"
        ));
        let change = change.expect("a change");
        assert_eq!(
            (change.table.as_str(), change.op),
            ("Messages", Operation::Insert)
        );
        assert_eq!(change.ids, [id().uuid()]);
        let names: Vec<&str> = change.row.keys().map(String::as_str).collect();
        assert_eq!(names, ["id", "sent_at", "status"]);
    }

    #[test]
    fn of_everything_a_row_is_whole_and_called_by_its_schema_and_table() {
        let text = format!(
            "table outbox.messages: INSERT: id[bigint]:7 body[text]:'{}'",
            "x".repeat(300)
        );
        let Line::Row(row) = line(&text).expect("a line") else {
            panic!("no row")
        };
        let change = Watched::everything(Run::of(1))
            .kept(&row)
            .expect("a change");
        assert_eq!(change.table, "outbox.messages");
        let body = change.row["body"].as_deref().unwrap_or_default();
        assert_eq!(body.len(), 300);
    }

    #[test]
    fn a_deleted_row_shows_the_key_by_which_its_insert_is_found() {
        let change = kept("table public.orders: DELETE: id[bigint]:7").expect("a change");
        assert_eq!(change.row, [("id".to_owned(), Some("7".to_owned()))].into());
        assert!(change.ids.is_empty());
        let own = format!("table public.orders: DELETE: id[uuid]:'{}'", id().uuid());
        assert_eq!(kept(&own).expect("a change").ids, [id().uuid()]);
    }
}
