//! A cursor: a value elsewhere, behind which all rows of an outbox were sent.

use std::collections::BTreeMap;

use super::{
    rows::{Row, Rows},
    schema::Schema,
};
use crate::history::Columns;

/// What says how far an outbox was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Its table, as the log calls it.
    pub table: String,
    /// Its column.
    pub column: String,
    /// What it says of a row of the outbox.
    pub condition: String,
}

/// The cursor that has passed each row of `outbox` whose message was heard, and none whose message was not: a number of another
/// table that only grew, and ended at the highest of theirs.
pub fn cursor(
    outbox: &str,
    heard: &[&Row],
    unheard: &[&Row],
    rows: &Rows,
    schema: &Schema,
) -> Option<Cursor> {
    let places = places(outbox, heard, unheard, schema);
    let moved = moved(outbox, rows, schema);
    places.iter().find_map(|(place, highest)| {
        let (found, _) = moved.iter().find(|(_, values)| {
            values.last() == Some(highest) && values.is_sorted() && values[0] < *highest
        })?;
        let condition = format!(
            "{} <= (SELECT {} FROM {}{})",
            schema.column_spelled(outbox, place),
            schema.column_spelled(&found.table, &found.column),
            schema.spelled(&found.table),
            found.only(schema)
        );
        Some(Cursor {
            table: found.table.clone(),
            column: found.column.clone(),
            condition,
        })
    })
}

/// The columns of an outbox that may be places in it, those of its key first, each with the highest of what was heard.
fn places(outbox: &str, heard: &[&Row], unheard: &[&Row], schema: &Schema) -> Vec<(String, i64)> {
    let number =
        |row: &&Row, name: &str| -> Option<i64> { row.last().get(name)?.as_ref()?.parse().ok() };
    let columns = schema
        .table(outbox)
        .into_iter()
        .flat_map(|table| &table.columns);
    let mut found: Vec<(bool, String, i64)> = columns
        .filter(|column| column.is_number())
        .filter_map(|column| {
            let name = column.name.as_str();
            let own: Option<Vec<i64>> = heard.iter().map(|row| number(row, name)).collect();
            let highest = own?.into_iter().max()?;
            let beyond = |row: &&Row| number(row, name).is_some_and(|place| place > highest);
            unheard
                .iter()
                .all(beyond)
                .then(|| (!column.is_key, column.name.clone(), highest))
        })
        .collect();
    found.sort();
    found
        .into_iter()
        .map(|(_, name, highest)| (name, highest))
        .collect()
}

/// One number in one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    table: String,
    column: String,
    key: Vec<(String, Option<String>)>,
}

impl Value {
    /// Which row of its table is meant, where that has a key.
    fn only(&self, schema: &Schema) -> String {
        let conditions: Vec<String> = self
            .key
            .iter()
            .filter_map(|(name, value)| {
                let literal = schema.literal(&self.table, name, value.as_deref()?);
                Some(format!(
                    "{} = {literal}",
                    schema.column_spelled(&self.table, name)
                ))
            })
            .collect();
        match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        }
    }
}

/// The numbers of other tables that moved, and how.
fn moved(outbox: &str, rows: &Rows, schema: &Schema) -> BTreeMap<Value, Vec<i64>> {
    let mut moved: BTreeMap<Value, Vec<i64>> = BTreeMap::new();
    let mut note = |table: &str, columns: &Columns| {
        let keys = schema.key(table);
        for (name, value) in columns
            .iter()
            .filter(|(name, _)| !keys.contains(&name.as_str()))
        {
            let Some(number) = value.as_ref().and_then(|value| value.parse().ok()) else {
                continue;
            };
            let key = keys
                .iter()
                .map(|key| ((*key).to_owned(), columns.get(*key).cloned().flatten()));
            let value = Value {
                table: table.to_owned(),
                column: name.clone(),
                key: key.collect(),
            };
            moved.entry(value).or_default().push(number);
        }
    };
    let others = rows.others.iter().filter(|(table, _)| table != outbox);
    others.for_each(|(table, columns)| note(table, columns));
    let written = rows
        .all
        .iter()
        .filter(|row| row.table != outbox && row.ids.is_empty());
    for row in written.filter(|row| row.versions.len() > 1) {
        row.versions
            .iter()
            .for_each(|columns| note(&row.table, columns));
    }
    moved.retain(|_, values| values.len() > 1);
    moved
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::run::probe::rows::When;

    fn schema() -> Schema {
        Schema::made_of(&[
            (
                "public.parcels",
                &[("seq", "bigint", true), ("weight", "integer", false)],
            ),
            ("public.parcels_read", &[("upto", "bigint", false)]),
            (
                "public.offsets",
                &[("consumer", "text", true), ("acked", "bigint", false)],
            ),
        ])
    }

    fn row(seq: i64) -> Row {
        let columns = [("seq", seq), ("weight", 3)];
        let columns = columns.map(|(name, value)| (name.to_owned(), Some(value.to_string())));
        Row {
            table: "public.parcels".to_owned(),
            ids: vec![Uuid::nil()],
            columns: BTreeSet::new(),
            born: When { xid: 1, at_us: 1 },
            versions: vec![columns.into()],
            gone: None,
        }
    }

    fn moving(table: &str, columns: &[(&str, &str)]) -> (String, Columns) {
        let columns = columns
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        (table.to_owned(), columns.collect())
    }

    fn found(others: Vec<(String, Columns)>, unheard: &[Row]) -> Option<String> {
        let heard = [row(4), row(5), row(7)];
        let rows = Rows {
            others,
            ..Rows::default()
        };
        let heard: Vec<&Row> = heard.iter().collect();
        let unheard: Vec<&Row> = unheard.iter().collect();
        cursor("public.parcels", &heard, &unheard, &rows, &schema()).map(|cursor| cursor.condition)
    }

    #[test]
    fn a_number_that_grew_to_the_last_row_s_place_has_passed_all_before_it() {
        let upto = |value: &str| moving("public.parcels_read", &[("upto", value)]);
        let condition = "seq <= (SELECT upto FROM parcels_read)";
        let all = vec![upto("4"), upto("5"), upto("7")];
        assert_eq!(found(all.clone(), &[]).as_deref(), Some(condition));
        assert_eq!(found(all.clone(), &[row(8)]).as_deref(), Some(condition));
        assert_eq!(
            found(all, &[row(6)]),
            None,
            "it has passed what nobody heard of"
        );
        assert_eq!(
            found(vec![upto("4"), upto("5")], &[]),
            None,
            "it has not come so far"
        );
        assert_eq!(found(vec![upto("9"), upto("7")], &[]), None, "it went back");
    }

    #[test]
    fn of_many_cursors_in_a_table_the_row_is_named() {
        let acked = |who: &str, value: &str| {
            moving("public.offsets", &[("consumer", who), ("acked", value)])
        };
        let all = vec![
            acked("a", "1"),
            acked("b", "4"),
            acked("a", "2"),
            acked("b", "7"),
        ];
        assert_eq!(
            found(all, &[]).as_deref(),
            Some("seq <= (SELECT acked FROM offsets WHERE consumer = 'b')")
        );
    }
}
