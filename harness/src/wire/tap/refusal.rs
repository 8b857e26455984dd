//! What the lab says in a server's place, byte by byte.

use super::message::postgres;

/// A query's type and length.
const HEAD: usize = 5;
/// Type, channel, size, class: behind these comes the method.
const METHOD_AT: std::ops::Range<usize> = 9..11;
/// basic.nack has the form of basic.ack; its bit for requeueing means nothing from a broker.
const NACK: [u8; 2] = 120_u16.to_be_bytes();

/// Makes a nack of a confirm: the same publishes, said not to be taken.
pub(super) fn nack(confirm: &mut [u8]) {
    if let Some(method) = confirm.get_mut(METHOD_AT) {
        method.copy_from_slice(&NACK);
    }
}

/// connection.close as RabbitMQ sends it when an operator closes a connection.
pub(super) fn closed() -> Vec<u8> {
    let text = b"CONNECTION_FORCED - closed by the laboratory";
    let mut payload = [10_u16, 50, 320].map(u16::to_be_bytes).concat();
    payload.push(text.len() as u8);
    payload.extend_from_slice(text);
    payload.extend_from_slice(&[0; 4]);
    let mut frame = vec![1, 0, 0];
    frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    frame.extend_from_slice(&payload);
    frame.push(0xCE);
    frame
}

/// Whether a simple query is a COMMIT.
pub(super) fn is_commit(query: &[u8]) -> bool {
    let sql = query.get(HEAD..).unwrap_or_default();
    postgres::is_commit(&String::from_utf8_lossy(sql))
}

/// A simple query that the server fails with `state`. In a COMMIT's place the transaction is rolled back first, as the
/// server does when a COMMIT fails, so that the status behind the error is the right one.
pub(super) fn query(state: &str, commit: bool) -> Vec<u8> {
    let first = if commit { "ROLLBACK; " } else { "" };
    let sql = format!(
        "{first}DO $lab$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'refused by the laboratory'; END $lab$\0"
    );
    let mut message = vec![b'Q'];
    message.extend_from_slice(&(sql.len() as u32 + 4).to_be_bytes());
    message.extend_from_slice(sql.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use amq_protocol::{
        frame::{AMQPFrame, parse_frame},
        protocol::{AMQPClass, basic, connection},
    };

    use super::*;

    #[test]
    fn what_is_said_in_the_brokers_place_is_read_by_a_library() {
        let closed = closed();
        let (rest, frame) = parse_frame(closed.as_slice()).unwrap();
        let AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::Close(close))) =
            frame
        else {
            panic!("{frame:?}")
        };
        assert_eq!((rest.len(), close.reply_code), (0, 320));
        let mut confirm = vec![
            1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0xCE,
        ];
        nack(&mut confirm);
        let (_, frame) = parse_frame(confirm.as_slice()).unwrap();
        let AMQPFrame::Method(1, AMQPClass::Basic(basic::AMQPMethod::Nack(nack))) = frame else {
            panic!("{frame:?}")
        };
        assert_eq!((nack.delivery_tag, nack.multiple), (7, true));
    }

    #[test]
    fn a_commit_is_known_by_its_first_word() {
        assert!(is_commit(b"Q\0\0\0\x0bCOMMIT\0") && is_commit(b"Q\0\0\0\x0b commit\0"));
        assert!(!is_commit(b"Q\0\0\0\x0bBEGIN\0"));
    }
}
