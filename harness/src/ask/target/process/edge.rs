//! The servers' ends of a process's connections.

use serde::Deserialize;

use crate::{
    ask::spelling::did_you_mean,
    ask::target::placeholder::{Placeholder, Postgres, Rabbitmq},
};

/// To whom a process speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Edge {
    /// The database.
    Postgres,
    /// The broker, by AMQP.
    Rabbitmq,
    /// The broker, by STOMP.
    Stomp,
    /// The broker's management API.
    Management,
}

impl Edge {
    const NAMED: [(&'static str, Self); 4] = [
        ("postgres", Self::Postgres),
        ("rabbitmq", Self::Rabbitmq),
        ("stomp", Self::Stomp),
        ("rabbitmq.api", Self::Management),
    ];

    /// As files write it.
    pub fn name(self) -> &'static str {
        let known = Self::NAMED.into_iter().find(|(_, edge)| *edge == self);
        known.map_or("?", |(name, _)| name)
    }

    /// Whether a name is a server's.
    pub(super) fn named(name: &str) -> bool {
        Self::NAMED.iter().any(|(known, _)| *known == name)
    }

    /// The edge that a placeholder's value leads over.
    pub(super) fn of(placeholder: &Placeholder) -> Option<Self> {
        match placeholder {
            Placeholder::Postgres(_) => Some(Self::Postgres),
            Placeholder::Rabbitmq(Rabbitmq::Api) => Some(Self::Management),
            // Whoever speaks STOMP or manages logs in as well.
            Placeholder::Rabbitmq(Rabbitmq::Url | Rabbitmq::Port) => Some(Self::Rabbitmq),
            Placeholder::StompPort => Some(Self::Stomp),
            _ => None,
        }
    }

    /// Whether a placeholder says where the edge is: no program finds it by a user's name alone.
    pub(super) fn is_said_by(self, placeholder: &Placeholder) -> bool {
        let unaddressed = matches!(
            placeholder,
            Placeholder::Postgres(
                Postgres::Host | Postgres::User | Postgres::Password | Postgres::Database
            )
        );
        Self::of(placeholder) == Some(self) && !unaddressed
    }

    /// Whether messages go over it.
    pub(super) fn carries_messages(self) -> bool {
        matches!(self, Self::Rabbitmq | Self::Stomp)
    }

    /// Whether a placeholder's value is an address, or a part of one.
    pub fn is_of(placeholder: &Placeholder) -> bool {
        Self::of(placeholder).is_some()
            || matches!(placeholder, Placeholder::Rabbitmq(_) | Placeholder::Port(_))
    }

    /// A placeholder that says where it is.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Postgres => "{{postgres.url}}",
            Self::Rabbitmq => "{{rabbitmq.url}}",
            Self::Stomp => "{{stomp.port}}",
            Self::Management => "{{rabbitmq.api}}",
        }
    }
}

impl TryFrom<String> for Edge {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Self::NAMED.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, edge)| edge).ok_or_else(|| {
            let names = Self::NAMED.map(|(name, _)| name);
            format!(
                "{text:?} is no server that an edge leads to; there are {}{}",
                names.join(", "),
                did_you_mean(&text, names)
            )
        })
    }
}
