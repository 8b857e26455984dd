use serde_json::json;

use super::*;
use crate::{
    ask::id::Run,
    run::{
        heard::message::{Header, Message},
        probe::{
            facts::By,
            rows::{Rows, When},
            schema::Schema,
        },
    },
};

fn id(key: u16, number: u32) -> Id {
    Id {
        run: Run::of(1),
        key,
        number,
    }
}

/// Two operations of each of three keys, and what is said of each.
fn facts(says: impl Fn(Id, u32) -> Message) -> Facts {
    let ids: Vec<Id> = (1..=3).flat_map(|key| [id(key, 1), id(key, 2)]).collect();
    let came = (1..).zip(&ids).map(|(at, id)| Came {
        by: By::Witness,
        at_us: 0,
        ids: vec![*id],
        message: says(*id, at),
    });
    Facts {
        run: Run::of(1),
        came: came.collect(),
        accepted: ids.clone(),
        asked_at_us: BTreeMap::new(),
        rolled_back: Vec::new(),
        schema: Schema::default(),
        rows: Ok(Rows::default()),
        one_clock: true,
    }
}

fn lines(facts: &Facts, outbox: &[Row]) -> Vec<(String, bool)> {
    let outbox: Vec<&Row> = outbox.iter().collect();
    let found = findings(facts, &outbox);
    found
        .into_iter()
        .flat_map(|finding| finding.lines)
        .map(|line| (line.shown(), line.is_sure))
        .collect()
}

fn tag(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn stored(number: u32) -> String {
    let text = format!("{{\"tag\":\"{}\"}}", tag(number));
    match number % 2 {
        0 => text,
        _ => text
            .bytes()
            .fold("\\x".to_owned(), |hex, byte| format!("{hex}{byte:02x}")),
    }
}

fn toy(id: Id, at: u32) -> Message {
    Message {
        headers: [("parcel".to_owned(), Header::Bytes(tag(at).into_bytes()))].into(),
        body: format!("order {} of {:05}", id.uuid(), id.key).into_bytes(),
        routing_key: "parcels".to_owned(),
        ..Message::default()
    }
}

#[test]
fn a_header_that_stands_in_the_row_tells_events_apart_and_the_id_is_caught_in_the_body() {
    let facts = facts(toy);
    let row = |(at, id): (u32, &Id)| Row {
        table: "public.parcels".to_owned(),
        ids: vec![id.uuid()],
        columns: BTreeSet::new(),
        born: When { xid: 1, at_us: 1 },
        // Half of them within a `bytea`.
        versions: vec![[("headers".to_owned(), Some(stored(at)))].into()],
        gone: None,
    };
    let rows: Vec<Row> = (1..).zip(&facts.accepted).map(row).collect();
    let known = lines(&facts, &rows);
    let id_at = ("id = \"body:~^order ([0-9a-f-]{36}) ~\"".to_owned(), true);
    assert_eq!(
        known,
        [
            id_at.clone(),
            ("dedup_by = \"header:parcel\"".to_owned(), true)
        ]
    );
    let unknown = lines(&facts, &[]);
    assert_eq!(
        unknown,
        [id_at, ("dedup_by = \"header:parcel\"".to_owned(), false)]
    );
}

#[test]
fn a_property_goes_before_a_header_and_both_before_the_body() {
    let facts = facts(|id, at| {
        let uuid = id.uuid().to_string();
        Message {
            properties: [
                (Property::MessageId, uuid.clone()),
                (Property::DeliveryMode, "2".to_owned()),
            ]
            .into(),
            body: json!({ "message": { "order": uuid }, "place": at, "shop": 7 })
                .to_string()
                .into_bytes(),
            ..Message::default()
        }
    });
    let found = findings(&facts, &[]);
    assert_eq!(
        found[0].sentence,
        "each message carries the operation's id in property:message_id and body:/message/order"
    );
    assert_eq!(
        lines(&facts, &[]),
        [
            ("id = \"property:message_id\"".to_owned(), true),
            ("dedup_by = \"property:message_id\"".to_owned(), true),
            ("n = \"body:/place\"".to_owned(), false),
        ]
    );
    assert!(
        found
            .iter()
            .any(|finding| finding.sentence.starts_with("each message is persistent"))
    );
}

#[test]
fn what_another_copy_has_anew_tells_nothing() {
    let mut facts = facts(toy);
    let mut copy = facts.came[0].clone();
    copy.message.headers = [("parcel".to_owned(), Header::Bytes(tag(99).into_bytes()))].into();
    facts.came.push(copy);
    assert!(
        lines(&facts, &[])
            .iter()
            .all(|(line, _)| !line.starts_with("dedup_by"))
    );
}
