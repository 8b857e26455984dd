use super::*;

const NONE: Ids = Ids(None);

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body);
    message
}

fn done(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

fn startup() -> Vec<u8> {
    [&[0, 0, 0, 13, 0, 3, 0, 0][..], &b"user\0"[..]].concat()
}

fn started() -> Session {
    let mut session = Session::default();
    assert_eq!(
        asks(&mut session, &startup()),
        [("startup", "user".to_owned())]
    );
    session
}

/// All that is seen in bytes, however many messages they are.
fn all(session: &mut Session, way: Direction, bytes: &[u8]) -> (Vec<(&'static str, String)>, u64) {
    let (mut seen, mut requests, mut from) = (Vec::new(), 0, 0);
    while let Ok(Some(unit)) = session.next(way, &bytes[from..], NONE) {
        from += unit.length;
        requests += unit.requests;
        seen.extend(
            unit.seen
                .into_iter()
                .map(|seen| (seen.event.name(), seen.text)),
        );
        if from == bytes.len() {
            break;
        }
    }
    (seen, requests)
}

fn asks(session: &mut Session, bytes: &[u8]) -> Vec<(&'static str, String)> {
    all(session, Direction::Requests, bytes).0
}

fn answers(session: &mut Session, bytes: &[u8]) -> Vec<(&'static str, String)> {
    all(session, Direction::Replies, bytes).0
}

fn said(event: &'static str, text: &str) -> (&'static str, String) {
    (event, text.to_owned())
}

fn extended() -> Vec<u8> {
    [
        message(b'P', b"\0SELECT 'E'\0\0\0"),
        message(b'B', b"\0\0EEEE"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ]
    .concat()
}

#[test]
fn a_statement_counts_once_however_it_is_cut_and_a_ping_counts_as_none() {
    assert_eq!(all(&mut started(), Direction::Requests, &extended()).1, 1);
    let (mut session, bytes) = (started(), extended());
    let (mut from, mut requests) = (0, 0);
    for end in 1..=bytes.len() {
        while let Ok(Some(unit)) = session.next(Direction::Requests, &bytes[from..end], NONE) {
            (from, requests) = (from + unit.length, requests + unit.requests);
            if from == end {
                break;
            }
        }
    }
    assert_eq!((from, requests), (bytes.len(), 1));
    assert_eq!(
        all(
            &mut session,
            Direction::Requests,
            &message(b'Q', b"BEGIN\0")
        )
        .1,
        1
    );
    assert_eq!(
        all(&mut session, Direction::Requests, &message(b'S', b"")).1,
        0
    );
}

#[test]
fn a_server_that_does_not_encrypt_is_read_on_and_one_that_does_is_not() {
    let ssl = [&8u32.to_be_bytes()[..], &SSL.to_be_bytes()[..]].concat();
    let mut plain = Session::default();
    assert_eq!(asks(&mut plain, &ssl), []);
    assert_eq!(answers(&mut plain, b"N"), []);
    assert_eq!(asks(&mut plain, &startup()).len(), 1);
    let mut encrypted = Session::default();
    asks(&mut encrypted, &ssl);
    assert_eq!(encrypted.next(Direction::Replies, b"S", NONE), Err(Opaque));
}

#[test]
fn an_answer_has_the_text_of_its_question_and_a_commit_that_of_its_transaction() {
    let mut session = started();
    asks(&mut session, &message(b'Q', b"BEGIN\0"));
    answers(&mut session, &[done("BEGIN"), message(b'Z', b"T")].concat());
    asks(&mut session, &extended());
    assert_eq!(
        answers(&mut session, &done("SELECT 1")),
        [said("complete", "SELECT 'E'")]
    );
    answers(&mut session, &message(b'Z', b"T"));
    let transaction = "BEGIN; SELECT 'E'; COMMIT; ";
    assert_eq!(
        asks(&mut session, &message(b'Q', b"COMMIT\0")),
        [said("commit", transaction)]
    );
    let answered = [done("COMMIT"), message(b'Z', b"I")].concat();
    let expected = [said("committed", transaction), said("ready", transaction)];
    assert_eq!(answers(&mut session, &answered), expected);
    assert_eq!(
        asks(&mut session, &message(b'Q', b"COMMIT\0")),
        [said("commit", "COMMIT; ")]
    );
}

#[test]
fn what_failed_is_passed_over_until_the_client_synchronises() {
    let mut session = started();
    let two = [
        message(b'P', b"\0INSERT 1\0\0\0"),
        message(b'B', b"\0\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ];
    asks(&mut session, &two.concat());
    let error = answers(&mut session, &message(b'E', b"C40001\0Mno\0\0"));
    assert_eq!(error, [said("error", "40001 no in INSERT 1")]);
    answers(&mut session, &message(b'Z', b"I"));
    asks(&mut session, &message(b'Q', b"SELECT 2\0"));
    assert_eq!(
        answers(&mut session, &done("SELECT 1")),
        [said("complete", "SELECT 2")]
    );
}

#[test]
fn the_labs_own_rollback_is_answered_to_nobody() {
    let mut session = started();
    asks(&mut session, &message(b'Q', b"COMMIT\0"));
    session.rolled_back();
    let own = session
        .next(Direction::Replies, &done("ROLLBACK"), NONE)
        .unwrap()
        .unwrap();
    assert!(own.own && own.seen.is_empty());
    let error = answers(&mut session, &message(b'E', b"C40001\0\0"));
    assert_eq!(error, [said("error", "40001 in COMMIT; ")]);
}
