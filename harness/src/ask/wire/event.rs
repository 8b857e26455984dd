//! Messages that a tap knows, by the names that scenarios use.

use crate::ask::toxic::Direction::{self, Replies, Requests};

/// A kind of message. Each belongs to one protocol and goes one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// Postgres: the first message of a session.
    Startup,
    /// Postgres: a simple query.
    Query,
    /// Postgres: a statement to be prepared.
    Parse,
    /// Postgres: a prepared statement to be carried out.
    Execute,
    /// Postgres: the statement that commits a transaction, as a simple query or prepared.
    Commit,
    /// Postgres: the end of an extended query.
    Sync,
    /// Postgres: the client says goodbye.
    Terminate,
    /// Postgres: a statement other than COMMIT is done.
    Complete,
    /// Postgres: a COMMIT is done.
    Committed,
    /// Postgres: the server waits for the next query.
    Ready,
    /// Postgres: a statement has failed.
    Error,
    /// Postgres: NOTIFY of another session.
    Notification,
    /// AMQP: a frame of the client's by which a connection is opened: greeting, start-ok, tune-ok, open.
    Handshake,
    /// AMQP: the server's answer to one of those.
    HandshakeReply,
    /// AMQP: a method that asks for something else: a channel, a queue, confirms, a consumer.
    Ask,
    /// AMQP: the answer to it.
    Answer,
    /// AMQP: basic.publish, with all of its content.
    Publish,
    /// AMQP: basic.ack from the broker: published.
    Confirm,
    /// AMQP: basic.nack from the broker: not published.
    Nack,
    /// AMQP: basic.return, with all of its content.
    Return,
    /// AMQP: basic.deliver, with all of its content.
    Deliver,
    /// AMQP: basic.ack from a consumer.
    Ack,
    /// AMQP: basic.nack or basic.reject from a consumer.
    Reject,
    /// AMQP: the client closes a channel or the connection.
    Close,
    /// AMQP: the broker does.
    Closed,
    /// AMQP: connection.blocked.
    Blocked,
    /// AMQP: connection.unblocked.
    Unblocked,
    /// AMQP: a heartbeat of the client's.
    Heartbeat,
    /// AMQP: a heartbeat of the broker's.
    HeartbeatReply,
    /// HTTP: a request's head, with its body where that has a length.
    Request,
    /// HTTP: a response's head, with its body where that has a length.
    Response,
}

/// What is spoken on an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// AMQP 0-9-1.
    Amqp,
    /// Postgres' frontend protocol, version 3.
    Postgres,
    /// HTTP/1.1.
    Http,
    /// Something else: each run of bytes asks, and the next bytes back answer.
    Bytes,
}

use Dialect::{Amqp, Http, Postgres};

impl Event {
    /// All of them: as scenarios write it, where it is spoken, which way it goes.
    pub const ALL: [(&'static str, Self, Dialect, Direction); 31] = [
        ("startup", Self::Startup, Postgres, Requests),
        ("query", Self::Query, Postgres, Requests),
        ("parse", Self::Parse, Postgres, Requests),
        ("execute", Self::Execute, Postgres, Requests),
        ("commit", Self::Commit, Postgres, Requests),
        ("sync", Self::Sync, Postgres, Requests),
        ("terminate", Self::Terminate, Postgres, Requests),
        ("complete", Self::Complete, Postgres, Replies),
        ("committed", Self::Committed, Postgres, Replies),
        ("ready", Self::Ready, Postgres, Replies),
        ("error", Self::Error, Postgres, Replies),
        ("notification", Self::Notification, Postgres, Replies),
        ("handshake", Self::Handshake, Amqp, Requests),
        ("handshake reply", Self::HandshakeReply, Amqp, Replies),
        ("ask", Self::Ask, Amqp, Requests),
        ("answer", Self::Answer, Amqp, Replies),
        ("publish", Self::Publish, Amqp, Requests),
        ("confirm", Self::Confirm, Amqp, Replies),
        ("nack", Self::Nack, Amqp, Replies),
        ("return", Self::Return, Amqp, Replies),
        ("deliver", Self::Deliver, Amqp, Replies),
        ("ack", Self::Ack, Amqp, Requests),
        ("reject", Self::Reject, Amqp, Requests),
        ("close", Self::Close, Amqp, Requests),
        ("closed", Self::Closed, Amqp, Replies),
        ("blocked", Self::Blocked, Amqp, Replies),
        ("unblocked", Self::Unblocked, Amqp, Replies),
        ("heartbeat", Self::Heartbeat, Amqp, Requests),
        ("heartbeat reply", Self::HeartbeatReply, Amqp, Replies),
        ("request", Self::Request, Http, Requests),
        ("response", Self::Response, Http, Replies),
    ];

    fn row(self) -> (&'static str, Self, Dialect, Direction) {
        let found = Self::ALL.into_iter().find(|(_, event, ..)| *event == self);
        found.expect("every event has a name")
    }

    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Where it is spoken.
    pub fn dialect(self) -> Dialect {
        self.row().2
    }

    /// Which way it goes.
    pub fn way(self) -> Direction {
        self.row().3
    }

    /// The event of a name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, ..)| *known == name);
        found.map(|(_, event, ..)| event)
    }

    /// The names of what is spoken on an edge.
    pub fn names(dialect: Dialect) -> impl Iterator<Item = &'static str> {
        let all = Self::ALL.into_iter();
        all.filter(move |row| row.2 == dialect).map(|row| row.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_name_of_its_own() {
        for (name, event, ..) in Event::ALL {
            assert_eq!(Event::parse(name), Some(event));
            assert_eq!(event.name(), name);
        }
    }
}
