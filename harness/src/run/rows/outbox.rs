//! The outbox: its rows, and in which state each of them is.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    shape::Shape,
    text::{row_text, unquoted},
};
use crate::{
    ask::{
        id::Run,
        target::{
            outbox::{Outbox, Sent},
            sql::{Condition, TableName},
        },
    },
    history::{Item, OutboxRow, State},
    run::about::{About, excerpt, number},
};

/// How many rows are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    /// Nobody has taken them up.
    pub waiting: i64,
    /// They are in somebody's hands.
    pub held: i64,
    /// They are not tried again.
    pub given_up: i64,
    /// They are marked as sent, and still in the table itself.
    pub sent: i64,
}

/// A row as it is read.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
struct Found {
    text: String,
    /// What its id expression says.
    id: Option<String>,
    attempts: Option<i64>,
    sent: bool,
    held: bool,
    given_up: bool,
}

/// What is read of each row beside its text.
struct Columns<'o> {
    id: Option<&'o Condition>,
    attempts: Option<&'o Condition>,
    /// An expression each.
    states: [&'o str; 3],
}

/// Conditions as expressions that are true or false of every row.
struct Conditions {
    sent: String,
    held: String,
    given_up: String,
    only: String,
}

impl Conditions {
    fn of(outbox: &Outbox) -> Self {
        let met = |condition: Option<&Condition>, otherwise: &str| match condition {
            Some(condition) => format!("coalesce(({})::bool, false)", condition.as_str()),
            None => otherwise.to_owned(),
        };
        let sent = match &outbox.sent {
            Sent::When(condition) => Some(condition),
            Sent::Unsaid | Sent::Gone | Sent::Archived => None,
        };
        Self {
            sent: met(sent, "false"),
            held: met(outbox.held.as_ref(), "false"),
            given_up: met(outbox.given_up.as_ref(), "false"),
            only: met(outbox.only.as_ref(), "true"),
        }
    }
}

/// Every row of the outbox, and of its archive. With `sent = "gone"` there are only those that were not sent.
pub(super) async fn read(
    connection: &mut PgConnection,
    outbox: &Outbox,
    run: Run,
) -> Result<Vec<OutboxRow>> {
    let shape = Shape::of(connection, &outbox.table).await?;
    let Conditions {
        sent,
        held,
        given_up,
        only,
    } = Conditions::of(outbox);
    let columns = Columns {
        id: outbox.id.as_ref(),
        attempts: outbox.attempts.as_ref(),
        states: [&sent, &held, &given_up],
    };
    let mut rows = Vec::new();
    for found in select(connection, &outbox.table, &columns, &only).await? {
        let state = state(outbox, &found)?;
        rows.extend(understood(found, state, &shape, columns.id, run));
    }
    let Some(archive) = &outbox.archive else {
        return Ok(rows);
    };
    let kept = Shape::of(connection, archive).await?;
    // What is said of the outbox's rows can be said of the archive's only where they are alike.
    let alike = shape
        .columns
        .iter()
        .all(|column| kept.columns.contains(column));
    let (id, attempts, only) = match alike {
        true => (columns.id, columns.attempts, only.as_str()),
        false => (None, None, "true"),
    };
    let columns = Columns {
        id,
        attempts,
        states: ["true", "false", "false"],
    };
    for found in select(connection, archive, &columns, only).await? {
        rows.extend(understood(found, State::Sent, &kept, id, run));
    }
    Ok(rows)
}

async fn select(
    connection: &mut PgConnection,
    table: &TableName,
    columns: &Columns<'_>,
    only: &str,
) -> Result<Vec<Found>> {
    let said = |expression: Option<&Condition>, kind: &str| match expression {
        Some(expression) => format!("({})::{kind}", expression.as_str()),
        None => format!("NULL::{kind}"),
    };
    let (id, attempts) = (said(columns.id, "text"), said(columns.attempts, "bigint"));
    let [sent, held, given_up] = columns.states;
    let row = row_text(table);
    let sql = format!(
        "SELECT {row} AS text, {id} AS id, {attempts} AS attempts, {sent} AS sent, {held} AS held, {given_up} AS given_up
         FROM {table} WHERE {only}"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .with_context(|| format!("reading {table} with [outbox]'s own conditions"))
}

/// A row is in one state; none of the named ones is to wait.
fn state(outbox: &Outbox, found: &Found) -> Result<State> {
    let sent = match &outbox.sent {
        Sent::When(condition) => condition.as_str(),
        Sent::Unsaid | Sent::Gone | Sent::Archived => "",
    };
    let said =
        |condition: &Option<Condition>| condition.as_ref().map_or("", Condition::as_str).to_owned();
    let all = [
        (found.sent, State::Sent, "sent", sent.to_owned()),
        (found.held, State::Held, "held", said(&outbox.held)),
        (
            found.given_up,
            State::GivenUp,
            "given_up",
            said(&outbox.given_up),
        ),
    ];
    let met: Vec<_> = all.iter().filter(|(met, ..)| *met).collect();
    match met.as_slice() {
        [] => Ok(State::Waiting),
        [(_, state, ..)] => Ok(*state),
        [(_, _, one, first), (_, _, two, second), ..] => bail!(
            "a row of {} is {one} ({first}) and {two} ({second}), and a row is in one state: say more in one of the conditions. The row: {}",
            unquoted(&outbox.table),
            excerpt(found.text.as_bytes())
        ),
    }
}

/// A row for each operation that it is about.
fn understood(
    found: Found,
    state: State,
    shape: &Shape,
    strictly: Option<&Condition>,
    run: Run,
) -> Vec<OutboxRow> {
    let Found {
        text, id, attempts, ..
    } = found;
    let fields: Value = serde_json::from_str(&text).unwrap_or_default();
    let key: Vec<String> = shape
        .key
        .iter()
        .map(|name| shown(&fields[name.as_str()]))
        .collect();
    let searched = match strictly {
        Some(_) => id.as_deref().unwrap_or_default(),
        None => &text,
    };
    let items = About::of([searched.as_bytes()], run).items(
        |id| Some(number(id)),
        || match strictly {
            Some(strictly) => format!(
                "no id in {}: {} stands there",
                strictly.as_str(),
                excerpt(searched.as_bytes())
            ),
            None => format!("no id in the row {}", excerpt(text.as_bytes())),
        },
    );
    let row = |item: Result<Item, String>| OutboxRow {
        row: key.join("/"),
        state,
        attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()),
        key: item.as_ref().map(|item| item.key).unwrap_or_default(),
        n: item.as_ref().map(|item| item.n).unwrap_or_default(),
        item,
    };
    items.into_iter().map(row).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How many rows are in which state; none where rows do not show whether they were sent.
pub(super) async fn count(
    connection: &mut PgConnection,
    outbox: &Outbox,
) -> Result<Option<Counts>> {
    if outbox.sent == Sent::Unsaid {
        return Ok(None);
    }
    let Conditions {
        sent,
        held,
        given_up,
        only,
    } = Conditions::of(outbox);
    let table = &outbox.table;
    let sql = format!(
        "SELECT count(*) FILTER (WHERE NOT ({sent} OR {held} OR {given_up})) AS waiting,
                count(*) FILTER (WHERE {held}) AS held,
                count(*) FILTER (WHERE {given_up}) AS given_up,
                count(*) FILTER (WHERE {sent}) AS sent
         FROM {table} WHERE {only}"
    );
    let counted = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await;
    counted
        .map(Some)
        .with_context(|| format!("counting the rows of {table}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Key;
    use crate::{ask::id::Id, run::about::item};

    fn outbox(archive: bool) -> Outbox {
        let condition = |text: &str| Condition::try_from(text.to_owned()).expect("a condition");
        let table = |name: &str| TableName::try_from(name.to_owned()).expect("a table");
        Outbox {
            table: table("outbox"),
            archive: archive.then(|| table("sent")),
            sent: Sent::When(condition("sent_at IS NOT NULL")),
            held: Some(condition("status = 1")),
            given_up: Some(condition("status = 3")),
            given_up_is_gone: false,
            only: None,
            id: None,
            attempts: None,
        }
    }

    fn found(text: &str, [sent, held, given_up]: [bool; 3]) -> Found {
        Found {
            text: text.to_owned(),
            sent,
            held,
            given_up,
            ..Found::default()
        }
    }

    #[test]
    fn a_row_in_no_state_waits_and_one_in_two_is_the_files_mistake() {
        let outbox = outbox(false);
        let of = |states| state(&outbox, &found("{\"id\":1}", states));
        assert_eq!(of([false; 3]).expect("a state"), State::Waiting);
        assert_eq!(of([true, false, false]).expect("a state"), State::Sent);
        assert_eq!(of([false, true, false]).expect("a state"), State::Held);
        assert_eq!(of([false, false, true]).expect("a state"), State::GivenUp);
        let said = of([true, true, false]).unwrap_err().to_string();
        assert!(
            said.starts_with(
                "a row of outbox is sent (sent_at IS NOT NULL) and held (status = 1), and a row is in one state"
            ),
            "{said}"
        );
    }

    #[test]
    fn a_row_is_known_by_its_key_and_says_how_often_it_was_tried() {
        let id = Id {
            run: Run::of(1),
            key: 3,
            number: 4,
        };
        let shape = Shape {
            key: vec!["a".to_owned(), "b".to_owned()],
            ..Shape::default()
        };
        let text = serde_json::json!({ "a": 7, "b": "x", "of": id.uuid().to_string() });
        let found = Found {
            attempts: Some(2),
            ..found(&text.to_string(), [false; 3])
        };
        let rows = understood(found, State::Held, &shape, None, Run::of(1));
        assert_eq!(
            rows,
            [OutboxRow {
                row: "7/x".to_owned(),
                state: State::Held,
                attempts: Some(2),
                key: Key::numbered(id.key),
                n: 4,
                item: Ok(item(id, 4)),
            }]
        );
    }

    #[test]
    fn an_expression_for_the_id_is_strict() {
        let id = Id {
            run: Run::of(1),
            key: 3,
            number: 4,
        };
        let strictly = Condition::try_from("payload->>'order'".to_owned()).expect("an expression");
        let text = format!("{{\"trace\":\"{}\"}}", id.uuid());
        let rows = understood(
            Found {
                text,
                id: Some("seven".to_owned()),
                ..Found::default()
            },
            State::Waiting,
            &Shape::default(),
            Some(&strictly),
            Run::of(1),
        );
        assert_eq!(
            rows[0].item,
            Err("no id in payload->>'order': \"seven\" stands there".to_owned())
        );
    }
}
