//! What is watched for on the wire, and what is done when it passes.

mod deed;
mod event;
mod fingerprint;
mod pattern;
mod statement;

pub use deed::{Answer, DEEDS, Deed};
pub use event::{Dialect, Event};
pub use fingerprint::fingerprint;
pub use pattern::Pattern;

use crate::ask::{
    party::{self, Party, Role, Server},
    scenario::{Message, System},
    spelling::did_you_mean,
};

/// A message that is watched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Who opens the connection.
    pub from: Party,
    /// Whom it leads to.
    pub to: Party,
    /// Its kind.
    pub event: Event,
    /// What its text must have; anything without it.
    pub matching: Option<Pattern>,
    /// Its fingerprint; any without it.
    pub fingerprint: Option<String>,
    /// The first that is meant, from 1.
    pub nth: u64,
    /// Counted within each connection, not over the edge.
    pub per_connection: bool,
    /// When it has gone on, and not before.
    pub after: bool,
    /// So many in all.
    pub times: u64,
}

impl Watched {
    /// Reads one; `own` is the edge that the fault itself is of.
    pub fn parse(message: &Message, own: Option<&str>, system: &System) -> Result<Self, String> {
        let edge = message.edge.as_deref().or(own);
        let edge = edge.ok_or("when = { … } needs an edge, such as edge = \"api -> postgres\"")?;
        let (from, to) = party::edge(edge, system)?;
        let event = event(&message.event, edge, dialect(to.role))?;
        let word = |key: &str, said: Option<&str>, words: [&str; 2]| match said {
            None => Ok(false),
            Some(said) if said == words[0] => Ok(false),
            Some(said) if said == words[1] => Ok(true),
            Some(said) => Err(format!(
                "{key} = {said:?} is neither {:?} nor {:?}",
                words[0], words[1]
            )),
        };
        if message.nth == 0 || message.times == 0 {
            return Err("nth and times begin at 1".to_owned());
        }
        let matching = message.matching.as_deref().map(Pattern::parse);
        Ok(Self {
            from,
            to,
            event,
            matching: matching.transpose()?,
            fingerprint: message.fingerprint.clone(),
            nth: message.nth,
            per_connection: word("of", message.of.as_deref(), ["kind", "connection"])?,
            after: word("side", message.side.as_deref(), ["before", "after"])?,
            times: message.times,
        })
    }

    /// Whether a message is of the kind that is meant.
    pub fn is_of_kind(&self, event: Event, text: &str) -> bool {
        let matching = self.matching.as_ref();
        let known = self.fingerprint.as_ref();
        event == self.event
            && matching.is_none_or(|pattern| pattern.is_in(text))
            && known.is_none_or(|known| *known == fingerprint(event, text))
    }
}

fn dialect(to: Role) -> Dialect {
    match to {
        Role::Server(Server::Postgres) => Dialect::Postgres,
        Role::Server(Server::RabbitMq) => Dialect::Amqp,
        _ => Dialect::Http,
    }
}

fn event(name: &str, edge: &str, dialect: Dialect) -> Result<Event, String> {
    let known: Vec<&str> = Event::names(dialect).collect();
    match Event::parse(name) {
        Some(event) if event.dialect() == dialect => Ok(event),
        _ => Err(format!(
            "event = {name:?} is nothing that passes on {edge}; there are {}{}",
            known.join(", "),
            did_you_mean(name, known.iter().copied())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(text: &str) -> Result<Watched, String> {
        let message: Message = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        Watched::parse(&message, None, &System::default())
    }

    #[test]
    fn a_message_is_watched_for_where_it_passes() {
        let reply = watched("edge = \"api -> postgres\"\nevent = \"committed\"\nnth = 3").unwrap();
        assert_eq!(
            (reply.event, reply.nth, reply.times),
            (Event::Committed, 3, 1)
        );
        assert!(!reply.after && !reply.per_connection);
        let late = "edge = \"relay -> rabbitmq\"\nevent = \"publish\"\nside = \"after\"\nof = \"connection\"";
        let late = watched(late).unwrap();
        assert!(late.after && late.per_connection);
    }

    #[test]
    fn what_never_passes_is_refused_with_what_does() {
        for (text, said) in [
            ("event = \"commit\"", "needs an edge"),
            ("edge = \"api -> rabbitmq\"\nevent = \"publish\"", "no edge"),
            (
                "edge = \"api -> postgres\"\nevent = \"publish\"",
                "committed",
            ),
            (
                "edge = \"relay -> rabbitmq\"\nevent = \"publsh\"",
                "did you mean \"publish\"",
            ),
            (
                "edge = \"api -> postgres\"\nevent = \"commit\"\nnth = 0",
                "begin at 1",
            ),
            (
                "edge = \"api -> postgres\"\nevent = \"commit\"\nside = \"left\"",
                "neither",
            ),
            (
                "edge = \"api -> postgres\"\nevent = \"commit\"\nnht = 2",
                "unknown field",
            ),
        ] {
            let problem = watched(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }
}
