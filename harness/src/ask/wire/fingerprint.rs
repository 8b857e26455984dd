//! What a message is beside its event: what stays of its text when values, lengths of lists and the names of runs are left out.

use std::{borrow::Cow, collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use sha2::{Digest, Sha256};

use super::{event::Event, statement};

/// So much of a long one is shown; a digest of all of it tells it from others.
const SHOWN: usize = 72;
/// More of a text than this nobody writes by hand.
const READ: usize = 1 << 16;

/// What varies from one message to the next, in what is no SQL.
static VARIES: LazyLock<Regex> = LazyLock::new(|| {
    let uuid = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
    let made_up = r"amq\.(?:gen|ctag)-[\w=-]+";
    Regex::new(&format!(r"{uuid}|{made_up}|[0-9a-f]{{16,}}|\d+")).expect("a pattern")
});

/// The fingerprint of a message's text: the same for all messages that differ in their values alone. It has one line, and is
/// empty where the event says it all.
pub fn fingerprint(event: Event, text: &str) -> String {
    use Event::{
        Ack, Answer, Ask, Blocked, Close, Closed, Commit, Committed, Complete, Confirm, Deliver,
        Error, Execute, Handshake, HandshakeReply, Heartbeat, HeartbeatReply, Nack, Notification,
        Parse, Publish, Query, Ready, Reject, Request, Response, Return, Startup, Sync, Terminate,
        Unblocked,
    };
    let text = beginning(text);
    let said = match event {
        Startup | Sync | Terminate | Heartbeat | HeartbeatReply | Blocked | Unblocked => {
            String::new()
        }
        Query | Parse | Execute | Commit | Complete | Committed | Ready => statements(text),
        // The SQLSTATE comes first.
        Error => first(text, ' ').to_owned(),
        Notification => plain(first(text, ' ')).into_owned(),
        Publish | Deliver | Return => content(text),
        // Of several it is the first that says what they are.
        Confirm | Nack | Ack | Reject => content(first(text, ',')),
        Request => plain(first(text, '?')).into_owned(),
        Response => match first(text, '?').split_once(' ') {
            Some((status, rest)) => format!("{status} {}", plain(rest)),
            None => text.to_owned(),
        },
        Handshake | HandshakeReply | Ask | Answer | Close | Closed => plain(text).into_owned(),
    };
    shortened(&said)
}

fn beginning(text: &str) -> &str {
    let end = (0..=READ.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

fn first(text: &str, sign: char) -> &str {
    text.split(sign).next().unwrap_or_default()
}

fn plain(text: &str) -> Cow<'_, str> {
    VARIES.replace_all(text, "?")
}

/// Exchange, routing key and type of a message; its own names are left out.
fn content(text: &str) -> String {
    let (mut kept, mut of_type) = (String::new(), "");
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some(("message_id" | "correlation_id", _)) => {}
            Some(("type", said)) => of_type = said,
            _ if kept.is_empty() => kept = plain(word).into_owned(),
            _ => kept = format!("{kept} {}", plain(word)),
        }
    }
    match of_type {
        "" => kept,
        of_type => format!("{kept} {}", plain(of_type)),
    }
}

/// Each different statement once, in the order in which they come: a transaction over many rows is the same as one over few.
fn statements(text: &str) -> String {
    let mut known = BTreeSet::new();
    let all = statement::shapes(text).into_iter();
    let different: Vec<String> = all.filter(|shape| known.insert(shape.clone())).collect();
    different.join("; ")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let shown: String = text.chars().take(SHOWN).collect();
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest
        .iter()
        .take(3)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}… #{digest}", shown.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_differ_in_their_values_are_one_kind() {
        let one = "SELECT id  FROM orders\n WHERE customer = 'a''b' AND amount > 17 -- why";
        let other = "select id from orders where customer = $1 and amount > $2";
        let of = |text| fingerprint(Event::Execute, text);
        assert_eq!(of(one), of(other));
        assert_eq!(
            of(one),
            "select id from orders where customer = ? and amount > ?"
        );
        assert_ne!(of(one), of("select id from orders where customer = $1"));
        assert_eq!(of("VALUES ($1, $2), ($3, $4)"), of("values ($1,$2)"));
    }

    #[test]
    fn a_transaction_over_many_rows_is_the_same_as_one_over_few() {
        let of = |text| fingerprint(Event::Committed, text);
        let few = "BEGIN; INSERT INTO a VALUES ($1); COMMIT; ";
        let many = "BEGIN; INSERT INTO a VALUES ($1); INSERT INTO a VALUES ($1); COMMIT; ";
        assert_eq!(of(few), "begin; insert into a values(?); commit");
        assert_eq!(of(few), of(many));
        assert_ne!(of(few), of("BEGIN; DELETE FROM a; COMMIT; "));
    }

    #[test]
    fn a_long_one_is_short_and_still_its_own() {
        let long = |last: &str| format!("SELECT {} FROM {last}", "column_with_a_name, ".repeat(9));
        let (one, other) = (
            fingerprint(Event::Parse, &long("a")),
            fingerprint(Event::Parse, &long("b")),
        );
        assert!(one.chars().count() < 90 && one != other, "{one} {other}");
        assert_eq!(one, fingerprint(Event::Parse, &long("a")));
    }

    #[test]
    fn what_names_a_run_or_an_operation_is_left_out() {
        let id = "0e3a8b52-7f0d-4f6e-9c5e-2b1f4a6d8c90";
        let said = |event, text: String| fingerprint(event, &text);
        let published = format!("shop.events/ message_id={id} type=order.placed");
        assert_eq!(
            said(Event::Publish, published.clone()),
            "shop.events/ order.placed"
        );
        let several = format!("{published}, {published}, and 7 more");
        assert_eq!(said(Event::Confirm, several), "shop.events/ order.placed");
        assert_eq!(
            said(
                Event::Request,
                format!("POST /customers/{id}/orders?after=3")
            ),
            "POST /customers/?/orders"
        );
        assert_eq!(
            said(
                Event::Response,
                format!("201 to POST /customers/{id}/orders")
            ),
            "201 to POST /customers/?/orders"
        );
        assert_eq!(said(Event::Startup, "user a database run_7".to_owned()), "");
        assert_eq!(
            said(Event::Ask, "queue.declare amq.gen-x_Y-1".to_owned()),
            "queue.declare ?"
        );
        let closed = |vhost: &str| {
            said(
                Event::Closed,
                format!("channel: no queue 'a' in vhost '{vhost}'"),
            )
        };
        assert_eq!(
            closed("run_0193ab5c7d8e7f00a1b2c3d4e5f60718"),
            closed("run_0193ab5c7d8e7f00a1b2c3d4e5f6fedc")
        );
        assert_eq!(
            said(Event::Error, "40001 could not in SELECT 1".to_owned()),
            "40001"
        );
    }
}
