use std::collections::BTreeMap;

use super::*;
use crate::{
    ask::id::{Id, Run},
    run::probe::{
        facts::{By, Came},
        rows::When,
        schema::Schema,
    },
};

fn ids() -> Vec<Id> {
    (1..=3)
        .map(|number| Id {
            run: Run::of(1),
            key: 1,
            number,
        })
        .collect()
}

/// Each operation's message comes at 100, says `{"order":…}`.
fn facts(schema: Schema) -> Facts {
    let came = ids().into_iter().map(|id| Came {
        by: By::Witness,
        at_us: 100,
        ids: vec![id],
        message: Message {
            body: format!("{{\"order\":\"{}\"}}", id.uuid()).into_bytes(),
            ..Message::default()
        },
    });
    Facts {
        run: Run::of(1),
        came: came.collect(),
        accepted: ids(),
        asked_at_us: BTreeMap::new(),
        rolled_back: Vec::new(),
        rows: Ok(Rows::default()),
        schema,
        one_clock: true,
    }
}

fn when(xid: u32, at_us: i64) -> When {
    When { xid, at_us }
}

fn row(table: &str, id: Id, column: &str, value: &str, born: When) -> Row {
    Row {
        table: table.to_owned(),
        ids: vec![id.uuid()],
        columns: [column.to_owned()].into(),
        born,
        versions: vec![[(column.to_owned(), Some(value.to_owned()))].into()],
        gone: None,
    }
}

/// An order and an event with each operation's transaction.
fn written() -> Rows {
    let mut rows = Rows::default();
    for id in ids() {
        let born = when(id.number, 50);
        let event = format!("{{\"order\": \"{}\"}}", id.uuid());
        rows.all
            .push(row("public.orders", id, "id", &id.uuid().to_string(), born));
        rows.all
            .push(row("public.log", id, "payload", &event, born));
    }
    rows
}

fn schema() -> Schema {
    Schema::made_of(&[
        ("public.orders", &[("id", "uuid", true)]),
        (
            "public.log",
            &[("seq", "bigint", true), ("payload", "jsonb", false)],
        ),
    ])
}

#[test]
fn where_the_message_stands_events_wait_and_the_other_table_is_what_is_stored() {
    let rows = written();
    let roles = Roles::of(&facts(schema()), &rows);
    let outbox = roles.outbox.expect("an outbox");
    assert_eq!(outbox.table, "public.log");
    assert_eq!(outbox.because, ["what messages say stands in its rows"]);
    assert_eq!(outbox.states.sent, None);
    assert_eq!(roles.business.as_deref(), Some("public.orders"));
    assert!(roles.effects.is_empty());
    let orders = &roles.received[0];
    assert_eq!((orders.operations, orders.at_once, orders.after), (3, 3, 0));
}

#[test]
fn rows_that_are_moved_have_an_archive_and_what_comes_after_the_message_is_an_effect() {
    let mut rows = written();
    let gone = when(20, 110);
    for row in rows.all.iter_mut().filter(|row| row.table == "public.log") {
        row.gone = Some(gone);
    }
    for id in ids() {
        let text = id.uuid().to_string();
        rows.all
            .push(row("public.kept", id, "payload", &text, gone));
        rows.all
            .push(row("public.mails", id, "order_id", &text, when(30, 120)));
    }
    let roles = Roles::of(&facts(schema()), &rows);
    let outbox = roles.outbox.expect("an outbox");
    assert_eq!(outbox.table, "public.log");
    assert_eq!(outbox.archive.as_deref(), Some("public.kept"));
    assert_eq!(roles.business.as_deref(), Some("public.orders"));
    assert_eq!(roles.effects, ["public.mails"]);
}

#[test]
fn a_table_alone_that_nothing_says_anything_of_is_what_is_stored() {
    let mut rows = written();
    rows.all.retain(|row| row.table == "public.orders");
    let roles = Roles::of(&facts(schema()), &rows);
    assert_eq!(
        (roles.outbox, roles.business.as_deref()),
        (None, Some("public.orders"))
    );
}
