//! Effects: how often each operation took effect, as the target's own tables show it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use super::{Read, text::row_text};
use crate::{
    ask::{
        id::{Id, Run},
        target::effects::Effects,
    },
    history::EffectRow,
    run::about::{About, excerpt, item, number},
};

pub(super) async fn read(
    connection: &mut PgConnection,
    effects: &Effects,
    run: Run,
) -> Result<Read<EffectRow>> {
    let (sql, of) = match effects {
        Effects::Rows { table, applied } => {
            let row = row_text(table);
            let applied = applied.as_ref().map_or("true", |applied| applied.as_str());
            let sql = format!("SELECT {row} FROM {table} WHERE ({applied})");
            (sql, table.to_string())
        }
        Effects::Query(query) => {
            let sql = format!("SELECT row_to_json(lab_row.*)::text FROM ({query}) AS lab_row");
            (sql, "[effects] sql".to_owned())
        }
    };
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .with_context(|| format!("looking at effects in {of}"))?;
    match effects {
        Effects::Rows { .. } => Ok(counted(&rows, run)),
        Effects::Query(_) => said(&rows, run),
    }
}

/// A row for each effect.
fn counted(rows: &[String], run: Run) -> Read<EffectRow> {
    let mut read = Read::default();
    let mut times: BTreeMap<(u16, u32), (Id, u64)> = BTreeMap::new();
    for row in rows {
        let about = About::of([row.as_bytes()], run);
        read.strangers += u64::from(about.ids.is_empty() && about.odd.is_empty());
        read.odd.extend(about.odd);
        for id in about.ids {
            times.entry((id.key, id.number)).or_insert((id, 0)).1 += 1;
        }
    }
    let effects = times.into_values();
    read.rows = effects
        .map(|(id, times)| EffectRow {
            item: item(id, number(id)),
            times,
        })
        .collect();
    read
}

/// A row for each operation: `id`, `times` and perhaps `n`.
fn said(rows: &[String], run: Run) -> Result<Read<EffectRow>> {
    let mut read = Read::default();
    for row in rows {
        let fields: Value = serde_json::from_str(row)
            .with_context(|| format!("[effects] sql gave {}", excerpt(row.as_bytes())))?;
        let Some(times) = fields["times"].as_u64() else {
            bail!(
                "[effects] sql gave {} for times; write a count, such as count(*)",
                fields["times"]
            );
        };
        let n = match &fields["n"] {
            Value::Null => None,
            n => Some(n.as_i64().with_context(|| {
                format!("[effects] sql gave {n} for n; write a whole number, or leave it out")
            })?),
        };
        let about = About::of([fields["id"].to_string().as_bytes()], run);
        read.strangers += u64::from(about.ids.is_empty() && about.odd.is_empty());
        read.odd.extend(about.odd);
        let of = |id| EffectRow {
            item: item(id, n.or(number(id))),
            times,
        };
        read.rows.extend(about.ids.into_iter().map(of));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> Id {
        Id {
            run: Run::of(1),
            key: 3,
            number,
        }
    }

    #[test]
    fn each_row_of_a_table_is_an_effect() {
        let row = |id: Id| format!("{{\"order\":\"{}\"}}", id.uuid());
        let rows = [row(id(2)), row(id(1)), row(id(2)), "{}".to_owned()];
        let read = counted(&rows, Run::of(1));
        let effects: Vec<_> = read
            .rows
            .iter()
            .map(|row| (row.item.n, row.times))
            .collect();
        assert_eq!(effects, [(Some(1), 1), (Some(2), 2)]);
        assert_eq!((read.strangers, read.odd.len()), (1, 0));
    }

    #[test]
    fn a_query_says_how_often_and_perhaps_in_which_place() {
        let row = |rest: &str| format!("{{\"id\":\"{}\",{rest}}}", id(2).uuid());
        let one = |rest: &str| said(&[row(rest)], Run::of(1)).map(|mut read| read.rows.remove(0));
        let placed = one("\"times\":3,\"n\":7").expect("an effect");
        assert_eq!((placed.times, placed.item.n), (3, Some(7)));
        let unplaced = one("\"times\":1").expect("an effect");
        assert_eq!(unplaced.item.n, Some(2));
        assert!(
            one("\"times\":1.5")
                .unwrap_err()
                .to_string()
                .contains("1.5 for times")
        );
        assert!(
            one("\"times\":1,\"n\":\"x\"")
                .unwrap_err()
                .to_string()
                .contains("for n")
        );
    }
}
