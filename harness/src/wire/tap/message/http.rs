//! HTTP/1.1: requests and responses. A body of a length that is said is part of its message; of one that is very long, of one in
//! chunks, such as a feed's, or of one that ends with its connection, the head is the message, and what follows goes on as it comes.

mod body;

use std::collections::VecDeque;

use super::{Ids, LONGEST, Opaque, Seen, Taken, Unit};
use crate::ask::{id::Id, toxic::Direction, wire::Event};
use body::{Body, Rest};

const HEADERS: usize = 64;

/// One connection.
#[derive(Default)]
pub(super) struct Connection {
    /// What was asked and is not answered.
    asked: VecDeque<Asked>,
    /// What is still to come of the last request, and of the last response.
    requested: Rest,
    replied: Rest,
}

/// A request.
#[derive(Default, Clone)]
struct Asked {
    /// Its first line.
    line: String,
    /// Its operations.
    ids: Vec<Id>,
    /// Whether its answer is a head alone, whatever that says of a length.
    for_head: bool,
}

impl Connection {
    pub fn next(&mut self, way: Direction, bytes: &[u8], ids: Ids) -> Taken {
        let rest = match way {
            Direction::Requests => &mut self.requested,
            Direction::Replies => &mut self.replied,
        };
        if *rest != Rest::None {
            let length = rest.next(bytes)?;
            return Ok(length.map(|length| Unit::of(length, None)));
        }
        match way {
            Direction::Requests => self.request(bytes, ids),
            Direction::Replies => self.reply(bytes, ids),
        }
    }

    fn request(&mut self, bytes: &[u8], ids: Ids) -> Taken {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(bytes) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) if bytes.len() < LONGEST => return Ok(None),
            _ => return Err(Opaque),
        };
        let (method, path) = (request.method, request.path.unwrap_or_default());
        let method = method.unwrap_or_default();
        let (body, rest) = match Body::of(request.headers)? {
            Body::Unsaid => (0, Rest::None),
            body => body.parts(head),
        };
        let Some(whole) = part(bytes, head, body)? else {
            return Ok(None);
        };
        let asked = Asked {
            line: format!("{method} {path}"),
            ids: ids.within(whole),
            for_head: method == "HEAD",
        };
        let said = Seen::of(Event::Request, asked.line.clone(), asked.ids.clone());
        self.asked.push_back(asked);
        self.requested = rest;
        Ok(Some(Unit::of(whole.len(), Some(said))))
    }

    fn reply(&mut self, bytes: &[u8], ids: Ids) -> Taken {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let head = match response.parse(bytes) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) if bytes.len() < LONGEST => return Ok(None),
            _ => return Err(Opaque),
        };
        let code = response.code.unwrap_or_default();
        let for_head = self.asked.front().is_some_and(|asked| asked.for_head);
        let (body, rest) = match code {
            // What both say from here on is no HTTP.
            101 => (0, Rest::All),
            100..=199 | 204 | 304 => (0, Rest::None),
            _ if for_head => (0, Rest::None),
            _ => Body::of(response.headers)?.parts(head),
        };
        let Some(whole) = part(bytes, head, body)? else {
            return Ok(None);
        };
        let asked = match code {
            100 | 102..=199 => self.asked.front().cloned(),
            _ => self.asked.pop_front(),
        };
        let Asked {
            line,
            ids: mut found,
            ..
        } = asked.unwrap_or_default();
        found.extend(ids.within(whole));
        found.sort_unstable();
        found.dedup();
        self.replied = rest;
        if code == 101 {
            self.requested = Rest::All;
        }
        let said = Seen::of(Event::Response, format!("{code} to {line}"), found);
        Ok(Some(Unit::of(whole.len(), Some(said))))
    }
}

/// A head and the part of its body that belongs to it; nothing while that is not all there.
fn part(bytes: &[u8], head: usize, body: usize) -> Result<Option<&[u8]>, Opaque> {
    let length = head.checked_add(body).ok_or(Opaque)?;
    match bytes.get(..length) {
        None if length > LONGEST => Err(Opaque),
        whole => Ok(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_with_its_body_and_the_response_to_it_are_one_message_each() {
        let mut connection = Connection::default();
        let request = b"POST /orders HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
        let none = Ids(None);
        assert_eq!(
            connection.request(&request[..request.len() - 1], none),
            Ok(None)
        );
        let unit = connection.request(request, none).unwrap().unwrap();
        assert_eq!(
            (unit.length, unit.seen[0].text.as_str()),
            (request.len(), "POST /orders")
        );
        let reply = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nokHTTP/1.1";
        let unit = connection.reply(reply, none).unwrap().unwrap();
        assert_eq!(unit.length, reply.len() - 8);
        assert_eq!(unit.seen[0].text, "201 to POST /orders");
    }

    fn all(connection: &mut Connection, way: Direction, mut bytes: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        while !bytes.is_empty() {
            let unit = connection.next(way, bytes, Ids(None)).expect("it is HTTP");
            let unit = unit.expect("it is all there");
            bytes = &bytes[unit.length..];
            seen.extend(unit.seen.into_iter().map(|seen| seen.text));
        }
        seen
    }

    #[test]
    fn what_follows_a_body_in_chunks_is_seen() {
        let mut connection = Connection::default();
        let asked = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
        let asked = all(&mut connection, Direction::Requests, asked);
        assert_eq!(asked, ["POST /a", "GET /b"]);
        let answered = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let answered = all(&mut connection, Direction::Replies, answered);
        assert_eq!(answered, ["201 to POST /a", "404 to GET /b"]);
    }

    #[test]
    fn a_feed_is_answered_with_its_head_and_goes_on_as_it_comes() {
        let mut connection = Connection::default();
        let feed = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nda";
        let unit = connection.next(Direction::Replies, feed, Ids(None));
        assert_eq!(unit.unwrap().unwrap().length, feed.len() - 5);
        let seen = all(&mut connection, Direction::Replies, &feed[feed.len() - 5..]);
        assert!(seen.is_empty());
    }

    #[test]
    fn a_response_without_a_length_ends_with_its_connection() {
        let mut connection = Connection::default();
        let response = b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n";
        let seen = all(&mut connection, Direction::Replies, response);
        assert_eq!(seen, ["200 to "]);
    }

    #[test]
    fn what_follows_a_body_that_is_too_long_to_be_held_is_seen() {
        let mut connection = Connection::default();
        let length = LONGEST + 1;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let next = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let replies = [head, "x".repeat(length), next.to_owned()].concat();
        let seen = all(&mut connection, Direction::Replies, replies.as_bytes());
        assert_eq!(seen, ["200 to ", "404 to "]);
    }

    #[test]
    fn what_is_said_after_the_protocols_were_switched_goes_on_as_it_comes() {
        let mut connection = Connection::default();
        all(
            &mut connection,
            Direction::Requests,
            b"GET /a HTTP/1.1\r\n\r\n",
        );
        let switched = b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02ok";
        let seen = all(&mut connection, Direction::Replies, switched);
        assert_eq!(seen, ["101 to GET /a"]);
        assert!(all(&mut connection, Direction::Requests, b"\x81\x82frame").is_empty());
    }

    #[test]
    fn codings_on_several_lines_are_one_list_and_a_length_that_is_none_is_opaque() {
        let mut connection = Connection::default();
        let replies = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let seen = all(&mut connection, Direction::Replies, replies);
        assert_eq!(seen, ["200 to ", "204 to "]);
        let strange = b"HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\n";
        assert_eq!(
            connection.next(Direction::Replies, strange, Ids(None)),
            Err(Opaque)
        );
    }

    #[test]
    fn the_answer_to_head_has_no_body_whatever_it_says_of_one() {
        let mut connection = Connection::default();
        let asked = b"HEAD /a HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n";
        all(&mut connection, Direction::Requests, asked);
        let answered = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let answered = all(&mut connection, Direction::Replies, answered);
        assert_eq!(answered, ["200 to HEAD /a", "200 to GET /a"]);
    }
}
