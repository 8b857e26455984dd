//! Messages that a tap knows, by the names that scenarios use.

/// To whom a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From who has opened the connection.
    Request,
    /// To who has opened the connection.
    Reply,
}

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

/// What is spoken on an edge, as far as scenarios go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// Postgres' frontend protocol, version 3.
    Postgres,
    /// AMQP 0-9-1.
    Amqp,
    /// HTTP/1.1.
    Http,
}

use Speech::{Amqp, Http, Postgres};
use Way::{Reply, Request};

impl Event {
    /// All of them: as scenarios write it, where it is spoken, which way it goes.
    pub const ALL: [(&'static str, Self, Speech, Way); 31] = [
        ("startup", Self::Startup, Postgres, Request),
        ("query", Self::Query, Postgres, Request),
        ("parse", Self::Parse, Postgres, Request),
        ("execute", Self::Execute, Postgres, Request),
        ("commit", Self::Commit, Postgres, Request),
        ("sync", Self::Sync, Postgres, Request),
        ("terminate", Self::Terminate, Postgres, Request),
        ("complete", Self::Complete, Postgres, Reply),
        ("committed", Self::Committed, Postgres, Reply),
        ("ready", Self::Ready, Postgres, Reply),
        ("error", Self::Error, Postgres, Reply),
        ("notification", Self::Notification, Postgres, Reply),
        ("handshake", Self::Handshake, Amqp, Request),
        ("handshake reply", Self::HandshakeReply, Amqp, Reply),
        ("ask", Self::Ask, Amqp, Request),
        ("answer", Self::Answer, Amqp, Reply),
        ("publish", Self::Publish, Amqp, Request),
        ("confirm", Self::Confirm, Amqp, Reply),
        ("nack", Self::Nack, Amqp, Reply),
        ("return", Self::Return, Amqp, Reply),
        ("deliver", Self::Deliver, Amqp, Reply),
        ("ack", Self::Ack, Amqp, Request),
        ("reject", Self::Reject, Amqp, Request),
        ("close", Self::Close, Amqp, Request),
        ("closed", Self::Closed, Amqp, Reply),
        ("blocked", Self::Blocked, Amqp, Reply),
        ("unblocked", Self::Unblocked, Amqp, Reply),
        ("heartbeat", Self::Heartbeat, Amqp, Request),
        ("heartbeat reply", Self::HeartbeatReply, Amqp, Reply),
        ("request", Self::Request, Http, Request),
        ("response", Self::Response, Http, Reply),
    ];

    fn row(self) -> (&'static str, Self, Speech, Way) {
        let found = Self::ALL.into_iter().find(|(_, event, ..)| *event == self);
        found.expect("every event has a name")
    }

    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Where it is spoken.
    pub fn speech(self) -> Speech {
        self.row().2
    }

    /// Which way it goes.
    pub fn way(self) -> Way {
        self.row().3
    }

    /// The event of a name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, ..)| *known == name);
        found.map(|(_, event, ..)| event)
    }

    /// The names of what is spoken on an edge.
    pub fn names(speech: Speech) -> impl Iterator<Item = &'static str> {
        let all = Self::ALL.into_iter();
        all.filter(move |row| row.2 == speech).map(|row| row.0)
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
