//! From what happened to an outbox's rows to the conditions that say in which state one is.

use std::collections::BTreeSet;

use super::{rows::Row, schema::Schema};
use crate::history::Columns;

/// What the rows of an outbox show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct States {
    /// How a row that was sent shows it: a condition, or `gone`.
    pub sent: Option<String>,
    /// Whether each row of what was heard shows it.
    pub is_sure: bool,
    /// How a row that is in somebody's hands shows it.
    pub held: Option<String>,
    /// What else could say that a row was sent.
    pub others: Vec<String>,
    /// Why nothing says it, where that is known.
    pub why_not: Option<&'static str>,
}

/// Deleted means sent.
const GONE: &str = "gone";
/// Columns that count; that they changed says nothing of where a row is.
pub(super) const COUNTS: [&str; 7] = [
    "attempt", "retr", "tries", "count", "version", "times", "failure",
];
/// Columns that say in whose hands a row is.
const OWNERS: [&str; 8] = [
    "lock", "lease", "claim", "owner", "worker", "holder", "reserv", "acquir",
];
/// Columns that say that something is done.
const DONE: [&str; 10] = [
    "sent", "publish", "deliver", "dispatch", "process", "complet", "done", "finish", "relay",
    "acked",
];

/// What became of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Turn {
    /// It has one value in all rows, which none had before.
    Became(String),
    /// It was NULL, and is not.
    WasSet,
    /// It was not NULL, and is.
    WasCleared,
}

struct Candidate {
    column: String,
    turn: Turn,
    rank: u8,
    condition: String,
}

/// What the rows of `table` show. `heard` are those whose message came, `unheard` those whose message did not. `nameless` rows
/// were deleted of which nobody knows which.
pub fn states(
    table: &str,
    heard: &[&Row],
    unheard: &[&Row],
    nameless: usize,
    schema: &Schema,
) -> States {
    let gone: Vec<&&Row> = heard.iter().filter(|row| row.gone.is_some()).collect();
    if heard.is_empty() {
        return States {
            why_not: Some("none of its rows was heard of"),
            ..States::default()
        };
    }
    let together = |row: &&Row| row.gone.is_some_and(|gone| gone.xid == row.born.xid);
    if heard.iter().all(together) {
        return States {
            why_not: Some(
                "its rows are deleted by the transaction that writes them, so that their end says nothing",
            ),
            ..States::default()
        };
    }
    let all_gone = gone.len() == heard.len() || nameless >= heard.len();
    let candidates = match all_gone {
        true => Vec::new(),
        false => candidates(table, heard, unheard, schema),
    };
    let held = |sent: &str, by: Option<&Candidate>| held(table, heard, sent, by, schema);
    match candidates.first() {
        Some(best) => States {
            held: held(&best.condition, Some(best)),
            sent: Some(best.condition.clone()),
            is_sure: true,
            others: candidates[1..]
                .iter()
                .map(|other| other.condition.clone())
                .collect(),
            why_not: None,
        },
        None if all_gone || !gone.is_empty() => States {
            held: held(GONE, None),
            sent: Some(GONE.to_owned()),
            is_sure: all_gone,
            ..States::default()
        },
        None => States {
            why_not: Some("its rows stay as they were written"),
            ..States::default()
        },
    }
}

fn value<'c>(columns: &'c Columns, name: &str) -> Option<&'c str> {
    columns.get(name).and_then(Option::as_deref)
}

fn has_part(name: &str, parts: &[&str]) -> bool {
    let name = name.to_lowercase();
    parts.iter().any(|part| name.contains(part))
}

/// What could say that a row was sent, the likeliest first.
fn candidates(table: &str, heard: &[&Row], unheard: &[&Row], schema: &Schema) -> Vec<Candidate> {
    let names: BTreeSet<&String> = heard.iter().flat_map(|row| row.last().keys()).collect();
    let mut found: Vec<Candidate> = names
        .into_iter()
        .filter(|name| !has_part(name, &COUNTS) && !has_part(name, &OWNERS))
        .filter_map(|name| {
            let turn = turn(name, heard)?;
            let rank = rank(table, name, &turn, schema)?;
            let shows = |row: &&Row| shows(row.last(), name, &turn);
            if unheard.iter().any(shows) {
                return None;
            }
            Some(Candidate {
                condition: condition(table, name, &turn, schema),
                column: name.clone(),
                turn,
                rank,
            })
        })
        .collect();
    found.sort_by_key(|candidate| candidate.rank);
    found
}

fn turn(name: &str, heard: &[&Row]) -> Option<Turn> {
    let first: Vec<Option<&str>> = heard.iter().map(|row| value(row.first(), name)).collect();
    let last: Vec<Option<&str>> = heard.iter().map(|row| value(row.last(), name)).collect();
    let all =
        |values: &[Option<&str>], null: bool| values.iter().all(|value| value.is_none() == null);
    if all(&first, true) && all(&last, false) {
        return Some(Turn::WasSet);
    }
    if all(&first, false) && all(&last, true) {
        return Some(Turn::WasCleared);
    }
    let one = last[0].filter(|one| last.iter().all(|value| *value == Some(one)))?;
    let is_new = first.iter().all(|value| *value != Some(one));
    is_new.then(|| Turn::Became(one.to_owned()))
}

fn shows(columns: &Columns, name: &str, turn: &Turn) -> bool {
    match turn {
        Turn::Became(wanted) => value(columns, name) == Some(wanted),
        Turn::WasSet => value(columns, name).is_some(),
        Turn::WasCleared => value(columns, name).is_none(),
    }
}

fn rank(table: &str, name: &str, turn: &Turn, schema: &Schema) -> Option<u8> {
    let column = schema.column(table, name);
    let is_time = column.is_some_and(|column| column.is_time());
    let is_number = column.is_some_and(|column| column.is_number());
    let is_done = has_part(name, &DONE);
    let is_state = has_part(name, &["stat"]) || is_done;
    match turn {
        // That a time is one and the same in all rows is chance.
        Turn::Became(_) if is_time => None,
        Turn::Became(_) if is_state || !is_number => Some(0),
        Turn::Became(_) => Some(3),
        Turn::WasSet if is_done => Some(1),
        Turn::WasSet => Some(2),
        Turn::WasCleared => Some(4),
    }
}

fn condition(table: &str, name: &str, turn: &Turn, schema: &Schema) -> String {
    let column = schema.column_spelled(table, name);
    match turn {
        Turn::Became(value) => format!("{column} = {}", schema.literal(table, name, value)),
        Turn::WasSet => format!("{column} IS NOT NULL"),
        Turn::WasCleared => format!("{column} IS NULL"),
    }
}

/// How a row showed that somebody had it, between its beginning and its end.
fn held(
    table: &str,
    heard: &[&Row],
    sent: &str,
    by: Option<&Candidate>,
    schema: &Schema,
) -> Option<String> {
    let is_gone = by.is_none();
    // What a row was before it was deleted was no end of it.
    let between = |row: &&Row| -> Vec<Columns> {
        let end = row.versions.len() - usize::from(!is_gone && row.versions.len() > 1);
        row.versions[1..end.max(1)].to_vec()
    };
    let middles: Vec<(&Row, Columns)> = heard
        .iter()
        .flat_map(|row| between(row).into_iter().map(|columns| (*row, columns)))
        .collect();
    if let Some(Candidate {
        column,
        turn: Turn::Became(last),
        ..
    }) = by
    {
        let values: BTreeSet<&str> = middles
            .iter()
            .filter_map(|(row, columns)| {
                let now = value(columns, column)?;
                (Some(now) != value(row.first(), column) && now != last).then_some(now)
            })
            .collect();
        if let (Some(one), 1) = (values.first(), values.len()) {
            return Some(condition(
                table,
                column,
                &Turn::Became((*one).to_owned()),
                schema,
            ));
        }
    }
    let names: BTreeSet<&String> = middles
        .iter()
        .flat_map(|(_, columns)| columns.keys())
        .collect();
    let set = |name: &&&String| {
        let was_null = heard.iter().all(|row| value(row.first(), name).is_none());
        was_null
            && middles
                .iter()
                .any(|(_, columns)| value(columns, name).is_some())
    };
    let owner = names
        .iter()
        .filter(|name| has_part(name, &OWNERS))
        .find(set);
    if let Some(owner) = owner {
        let is_held = condition(table, owner, &Turn::WasSet, schema);
        let stays = !is_gone && heard.iter().any(|row| value(row.last(), owner).is_some());
        return Some(match stays {
            true => format!("{is_held} AND NOT coalesce({sent}, false)"),
            false => is_held,
        });
    }
    if !is_gone {
        return None;
    }
    let state = names.iter().find(|name| has_part(name, &["stat"]))?;
    match turn(state, heard) {
        Some(turn @ Turn::Became(_)) => Some(condition(table, state, &turn, schema)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
