use super::*;
use crate::wire::tap::frame::{BODY, END, HEADER, METHOD};

const NONE: Ids = Ids(None);

fn frame(channel: u8, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 0, channel];
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(END);
    frame
}

fn method(channel: u8, (class, method): (u16, u16), arguments: &[u8]) -> Vec<u8> {
    let ids = [class.to_be_bytes(), method.to_be_bytes()].concat();
    frame(channel, METHOD, &[&ids[..], arguments].concat())
}

fn header(channel: u8, size: u64) -> Vec<u8> {
    let payload = [&[0, 60, 0, 0][..], &size.to_be_bytes(), &[0, 0]].concat();
    frame(channel, HEADER, &payload)
}

/// To the exchange `e` with a routing key.
fn publish(channel: u8, key: u8) -> Vec<u8> {
    method(channel, (60, 40), &[0, 0, 1, b'e', 1, key, 0])
}

fn confirming() -> Connection {
    let mut connection = Connection::default();
    let greeting = connection.next(Direction::Requests, b"AMQP\0\0\x09\x01", NONE);
    assert_eq!(greeting.unwrap().unwrap().length, 8);
    let select = method(1, (85, 10), &[0]);
    connection.next(Direction::Requests, &select, NONE).unwrap();
    connection
}

fn seen(taken: Taken) -> (usize, Vec<(&'static str, String)>) {
    let unit = taken.unwrap().expect("a whole message");
    let all = unit
        .seen
        .into_iter()
        .map(|seen| (seen.event.name(), seen.text));
    (unit.length, all.collect())
}

#[test]
fn a_publish_with_its_content_is_one_message_and_its_confirm_says_which() {
    let mut connection = confirming();
    let whole = [publish(1, b'k'), header(1, 3), frame(1, BODY, b"one")].concat();
    for end in 0..whole.len() {
        assert_eq!(
            connection.next(Direction::Requests, &whole[..end], NONE),
            Ok(None)
        );
    }
    let behind = [&whole[..], b"more"].concat();
    let published = seen(connection.next(Direction::Requests, &behind, NONE));
    assert_eq!(
        published,
        (whole.len(), vec![("publish", "e/k".to_owned())])
    );
    let ack = method(1, (60, 80), &[&1u64.to_be_bytes()[..], &[0]].concat());
    let (_, confirm) = seen(connection.next(Direction::Replies, &ack, NONE));
    assert_eq!(confirm, [("confirm", "e/k".to_owned())]);
}

#[test]
fn frames_of_other_channels_between_those_of_a_content_are_part_of_its_message() {
    let mut connection = confirming();
    let mixed = [
        publish(1, b'a'),
        publish(2, b'b'),
        header(1, 1),
        header(2, 0),
        frame(1, BODY, b"x"),
    ];
    let (length, all) = seen(connection.next(Direction::Requests, &mixed.concat(), NONE));
    let both = [("publish", "e/b".to_owned()), ("publish", "e/a".to_owned())];
    assert_eq!((length, all.as_slice()), (mixed.concat().len(), &both[..]));
}

#[test]
fn a_settlement_says_of_which_deliveries() {
    let mut connection = confirming();
    let deliver = |tag: u64| {
        let arguments = [
            &[1, b'c'][..],
            &tag.to_be_bytes(),
            &[0, 1, b'e', 1, b'0' + tag as u8],
        ];
        [method(1, (60, 60), &arguments.concat()), header(1, 0)].concat()
    };
    for tag in 1..=3 {
        connection
            .next(Direction::Replies, &deliver(tag), NONE)
            .unwrap();
    }
    let ack = |tag: u64, multiple: u8| {
        method(1, (60, 80), &[&tag.to_be_bytes()[..], &[multiple]].concat())
    };
    let (_, two) = seen(connection.next(Direction::Requests, &ack(2, 1), NONE));
    assert_eq!(two, [("ack", "e/1, e/2".to_owned())]);
    let (_, last) = seen(connection.next(Direction::Requests, &ack(3, 0), NONE));
    assert_eq!(last, [("ack", "e/3".to_owned())]);
}

#[test]
fn what_is_no_amqp_is_opaque() {
    let mut connection = confirming();
    assert_eq!(
        connection.next(Direction::Requests, &[0xFF; 64], NONE),
        Err(Opaque)
    );
    let other = Connection::default().next(Direction::Requests, b"GET / HTTP", NONE);
    assert_eq!(other, Err(Opaque));
}
