//! `[effects]`: where it can be seen how often an event took effect.

use serde::Deserialize;

use super::{
    mistake::Mistake,
    sql::{Condition, TableName, transaction_word},
};

/// Where effects are seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effects {
    /// A row for each.
    Rows {
        /// In which table.
        table: TableName,
        /// Only these rows are effects.
        applied: Option<Condition>,
    },
    /// A query with a row for each operation: `id`, `times`, and perhaps `n`.
    Query(String),
}

/// As the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EffectsTable {
    table: Option<TableName>,
    applied: Option<Condition>,
    sql: Option<String>,
}

impl EffectsTable {
    pub fn understood(self) -> Result<Effects, Mistake> {
        match (self.table, self.sql) {
            (Some(table), None) => Ok(Effects::Rows {
                table,
                applied: self.applied,
            }),
            (None, Some(sql)) => {
                if self.applied.is_some() {
                    let problem = "applied is of a table's rows; put the condition into sql";
                    return Err(Mistake::at("applied", problem));
                }
                query(sql).map(Effects::Query)
            }
            (Some(_), Some(_)) => {
                let problem = "both table and sql; effects are seen in one of them";
                Err(Mistake::at("sql", problem))
            }
            (None, None) => {
                let problem =
                    "[effects] names neither table nor sql; write one, or leave [effects] out";
                Err(Mistake::at("", problem))
            }
        }
    }
}

fn query(sql: String) -> Result<String, Mistake> {
    let wanted = "write one query, SELECT … AS id, … AS times FROM …";
    let refuse = |found: &str| Err(Mistake::at("sql", format!("{found}; {wanted}")));
    let text = sql.trim().trim_end_matches(';').trim_end();
    let words: Vec<String> = text
        .split(|sign: char| !sign.is_alphanumeric() && sign != '_')
        .map(str::to_lowercase)
        .collect();
    let has = |word: &str| words.iter().any(|known| known == word);
    if !["select", "with"].contains(&words[0].as_str()) || transaction_word(text).is_some() {
        return refuse("is no query");
    }
    if text.contains(';') {
        return refuse("several statements");
    }
    if text.contains("{{") {
        return refuse("has a placeholder, and is asked for all operations at once");
    }
    for column in ["id", "times"] {
        if !has(column) {
            return refuse(&format!("no column {column}"));
        }
    }
    Ok(text.to_owned())
}
