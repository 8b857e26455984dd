//! HTTP/1.1: requests and responses. A response without a length, such as a feed, ends what is seen on its connection.

use std::collections::VecDeque;

use super::{Ids, LONGEST, Opaque, Seen, Taken, Unit};
use crate::ask::{id::Id, toxic::Direction, wire::Event};

const HEADERS: usize = 64;

/// One connection.
#[derive(Default)]
pub(super) struct Connection {
    /// What was asked and is not answered: its first line, its operations.
    asked: VecDeque<(String, Vec<Id>)>,
}

impl Connection {
    pub fn next(&mut self, way: Direction, bytes: &[u8], ids: Ids) -> Taken {
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
        let line = format!(
            "{} {}",
            request.method.unwrap_or_default(),
            request.path.unwrap_or_default()
        );
        let body = length(request.headers).unwrap_or(0);
        let Some(whole) = bytes.get(..head + body) else {
            return waits(head + body);
        };
        let found = ids.within(whole);
        self.asked.push_back((line.clone(), found.clone()));
        let said = Seen::of(Event::Request, line, found);
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
        let none = matches!(code, 100..=199 | 204 | 304);
        let body = match (none, length(response.headers)) {
            (true, _) => 0,
            (false, Some(length)) => length,
            (false, None) => return Err(Opaque),
        };
        let Some(whole) = bytes.get(..head + body) else {
            return waits(head + body);
        };
        let (line, mut found) = match code {
            100..=199 => self.asked.front().cloned().unwrap_or_default(),
            _ => self.asked.pop_front().unwrap_or_default(),
        };
        found.extend(ids.within(whole));
        found.sort_unstable();
        found.dedup();
        let said = Seen::of(Event::Response, format!("{code} to {line}"), found);
        Ok(Some(Unit::of(whole.len(), Some(said))))
    }
}

fn waits(length: usize) -> Taken {
    if length > LONGEST {
        return Err(Opaque);
    }
    Ok(None)
}

/// The body's length, where the head says one.
fn length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    let said = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(said.value).ok()?.trim().parse().ok()
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

    #[test]
    fn a_feed_ends_what_is_seen() {
        let feed = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(Connection::default().reply(feed, Ids(None)), Err(Opaque));
    }
}
