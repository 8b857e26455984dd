//! Parts of an outbox's rows that a file can name: whose a row is, and how often it was tried.

use serde_json::Value;
use uuid::Uuid;

use super::{rows::Row, schema::Schema, states::COUNTS};

/// Columns that count tries and nothing else.
fn counts_tries(column: &str) -> bool {
    let name = column.to_lowercase();
    COUNTS.iter().take(3).any(|part| name.contains(part))
}

/// The expressions each of which is the operation's id in every row of `table` that is about one, the plainest first.
pub fn whose(table: &str, rows: &[&Row], schema: &Schema) -> Vec<String> {
    let mut rows = rows.iter().filter(|row| row.ids.len() == 1);
    let Some(one) = rows.next() else {
        return Vec::new();
    };
    let mut all = expressions(table, one, schema);
    for row in rows {
        let its = expressions(table, row, schema);
        all.retain(|expression| its.contains(expression));
    }
    all.sort_by_key(|expression| expression.len());
    all
}

fn expressions(table: &str, row: &Row, schema: &Schema) -> Vec<String> {
    let id = row.ids[0];
    let is_id = |text: &str| text.parse::<Uuid>().ok() == Some(id);
    let mut all = Vec::new();
    for (name, value) in row.first() {
        let Some(text) = value else { continue };
        let (column, kind) = match schema.column(table, name) {
            Some(column) => (column.spelled.clone(), column.kind.as_str()),
            None => continue,
        };
        if is_id(text) {
            all.push(column);
            continue;
        }
        let (json, text) = match kind {
            "json" | "jsonb" => (column, text.clone()),
            "bytea" => {
                let Some(text) = of_bytes(text) else { continue };
                (format!("convert_from({column}, 'UTF8')::json"), text)
            }
            _ => (format!("{column}::json"), text.clone()),
        };
        let Ok(value) = serde_json::from_str(&text) else {
            continue;
        };
        let mut path = Vec::new();
        paths(&value, &is_id, &mut path, &mut |path| {
            all.push(match path {
                [one] => format!("{json}->>'{}'", quoted(one)),
                more => {
                    let path = serde_json::json!(more).to_string();
                    let inner = path.trim_start_matches('[').trim_end_matches(']');
                    format!("{json}#>>'{{{}}}'", quoted(inner))
                }
            });
        });
    }
    all
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// The text that a `bytea` is, as the log prints it.
fn of_bytes(printed: &str) -> Option<String> {
    let digits = printed.strip_prefix("\\x")?;
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

/// So deep is looked for an id.
const DEEP: usize = 4;

/// Tells the way to each text that is meant.
fn paths(
    value: &Value,
    is_meant: &dyn Fn(&str) -> bool,
    path: &mut Vec<String>,
    tell: &mut dyn FnMut(&[String]),
) {
    match value {
        Value::String(text) if is_meant(text) && !path.is_empty() => tell(path),
        Value::Object(fields) if path.len() < DEEP => {
            for (name, value) in fields {
                path.push(name.clone());
                paths(value, is_meant, path, tell);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The expression that says how often a row was tried, where all were sent at their first try: a count that is then 1 counts
/// tries, one that is 0 counts failures.
pub fn tries(table: &str, sent: &[&Row], schema: &Schema) -> Option<String> {
    let table_columns = schema.table(table)?.columns.iter();
    let mut counts =
        table_columns.filter(|column| column.is_number() && counts_tries(&column.name));
    let column = counts.next().filter(|_| counts.next().is_none())?;
    let value = |row: &&Row| row.last().get(&column.name).cloned().flatten();
    let first = sent.first().and_then(value)?;
    if !sent.iter().all(|row| value(row).as_ref() == Some(&first)) {
        return None;
    }
    match first.as_str() {
        "1" => Some(column.spelled.clone()),
        "0" => Some(format!("{} + 1", column.spelled)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ask::id::{Id, Run},
        run::probe::rows::When,
    };

    const TABLE: &str = "public.events";

    fn schema() -> Schema {
        Schema::made_of(&[(
            TABLE,
            &[
                ("id", "bigint", true),
                ("aggregate", "uuid", false),
                ("payload", "jsonb", false),
                ("body", "bytea", false),
                ("note", "text", false),
                ("retry_count", "integer", false),
            ],
        )])
    }

    fn row(number: u32, columns: impl Fn(&str) -> Vec<(&'static str, String)>) -> Row {
        let id = Id {
            run: Run::of(1),
            key: 1,
            number,
        };
        let text = id.uuid().to_string();
        let columns = columns(&text).into_iter();
        Row {
            table: TABLE.to_owned(),
            ids: vec![id.uuid()],
            columns: Default::default(),
            born: When { xid: 1, at_us: 1 },
            versions: vec![
                columns
                    .map(|(name, value)| (name.to_owned(), Some(value)))
                    .collect(),
            ],
            gone: None,
        }
    }

    #[test]
    fn whose_a_row_is_stands_in_a_column_or_in_json_of_one() {
        let hex = |text: &str| {
            text.bytes()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let row = |number| {
            row(number, |id| {
                vec![
                    ("aggregate", id.to_owned()),
                    ("payload", format!("{{\"a'b\":{{\"id\":\"{id}\"}}}}")),
                    (
                        "body",
                        format!("\\x{}", hex(&format!("{{\"id\":\"{id}\"}}"))),
                    ),
                    ("note", format!("order {id}")),
                ]
            })
        };
        let rows = [row(1), row(2)];
        assert_eq!(
            whose(TABLE, &rows.iter().collect::<Vec<_>>(), &schema()),
            [
                "aggregate",
                "payload#>>'{\"a''b\",\"id\"}'",
                "convert_from(body, 'UTF8')::json->>'id'"
            ]
        );
    }

    #[test]
    fn what_is_another_operations_id_in_one_row_says_of_none_whose_it_is() {
        let right = row(1, |id| vec![("aggregate", id.to_owned())]);
        let wrong = row(2, |_| vec![("aggregate", Uuid::nil().to_string())]);
        assert!(whose(TABLE, &[&right, &wrong], &schema()).is_empty());
        assert!(whose(TABLE, &[], &schema()).is_empty());
    }

    #[test]
    fn what_counts_tries_or_failures_is_told_by_rows_that_went_out_at_once() {
        let of = |count: &'static str| row(1, |_| vec![("retry_count", count.to_owned())]);
        let tries = |rows: &[Row]| tries(TABLE, &rows.iter().collect::<Vec<_>>(), &schema());
        assert_eq!(tries(&[of("1")]).as_deref(), Some("retry_count"));
        assert_eq!(tries(&[of("0")]).as_deref(), Some("retry_count + 1"));
        assert_eq!(tries(&[of("0"), of("2")]), None);
        assert_eq!(tries(&[]), None);
    }
}
