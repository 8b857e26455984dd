//! What somebody with an operator's rights does to what one run has on a server: its database, its vhost. Nothing beside
//! this run feels it.

use crate::ask::{party::Server, spelling::did_you_mean};

/// Some meddling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meddling {
    /// RabbitMQ: the queues on the exchanges where the target is heard are deleted, while nothing is in them; until it is
    /// healed nobody may declare anything.
    DeleteQueue,
    /// RabbitMQ: those exchanges are deleted; until it is healed nobody may declare anything.
    DeleteExchange,
    /// RabbitMQ: the target's user may do nothing in the vhost any more, and its connections are closed.
    Revoke,
    /// RabbitMQ: the target's connections are closed, as the management API does it.
    CloseConnections,
    /// RabbitMQ: a third party publishes again what was published a second ago.
    Republish,
    /// Postgres: every session of the target's is terminated.
    EndSessions,
    /// Postgres: nobody may log in to the database any more, and who is in is put out.
    RefuseLogins,
    /// Postgres, then one of the run's own: somebody has every connection that the server gives, and who was in is put out.
    TakeConnections,
    /// Postgres: the database has another default for a setting, and every session of the target's is terminated, so that
    /// the next ones have it.
    Set(Setting),
    /// Postgres: somebody's session holds something for as long as it lasts.
    Hold(Hold),
    /// Postgres, then one of the run's own on a disk of its own: something else takes all the room that there is on it.
    FillDisk,
}

/// What a session can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// A snapshot: nothing that is deleted or updated since can be cleaned up.
    Snapshot,
    /// A transaction that has an id and does not commit: nothing behind it is certain to be complete.
    Transaction,
    /// All of the outbox.
    Outbox,
}

/// A setting with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As Postgres calls it.
    pub name: &'static str,
    /// As Postgres reads it.
    pub value: String,
    /// The SQLSTATE of what fails by it.
    pub refuses: &'static str,
}

/// What has no numbers: to whom, in a scenario's words, and what.
const PLAIN: [(Server, &str, Meddling); 12] = [
    (Server::RabbitMq, "delete queue", Meddling::DeleteQueue),
    (
        Server::RabbitMq,
        "delete exchange",
        Meddling::DeleteExchange,
    ),
    (Server::RabbitMq, "revoke permissions", Meddling::Revoke),
    (
        Server::RabbitMq,
        "close connections",
        Meddling::CloseConnections,
    ),
    (Server::RabbitMq, "republish", Meddling::Republish),
    (Server::Postgres, "end sessions", Meddling::EndSessions),
    (Server::Postgres, "refuse logins", Meddling::RefuseLogins),
    (
        Server::Postgres,
        "take connections",
        Meddling::TakeConnections,
    ),
    (
        Server::Postgres,
        "hold a snapshot",
        Meddling::Hold(Hold::Snapshot),
    ),
    (
        Server::Postgres,
        "hold a transaction",
        Meddling::Hold(Hold::Transaction),
    ),
    (
        Server::Postgres,
        "lock the outbox",
        Meddling::Hold(Hold::Outbox),
    ),
    (Server::Postgres, "fill the disk", Meddling::FillDisk),
];

/// The setting that makes a database one that takes no writes.
const READ_ONLY: &str = "default_transaction_read_only";
/// Which settings can be set: those that make statements fail which were right a moment ago, and by which SQLSTATE.
const SETTINGS: [(&str, &str); 4] = [
    (READ_ONLY, "25006"),
    ("default_transaction_isolation", "40001"),
    ("statement_timeout", "57014"),
    ("idle_in_transaction_session_timeout", "25P03"),
];

impl Meddling {
    /// What is to be done to a server, as in `"delete queue"` or `"set statement_timeout = 5ms"`; none if it is something
    /// else.
    pub fn parse(server: Server, text: &str) -> Result<Option<Self>, String> {
        if server == Server::Postgres
            && let Some(setting) = text.strip_prefix("set ")
        {
            return Setting::parse(setting).map(|setting| Some(Self::Set(setting)));
        }
        let mut plain = PLAIN.into_iter();
        let found = plain.find(|(whom, words, _)| *whom == server && *words == text);
        Ok(found.map(|(_, _, meddling)| meddling))
    }

    /// What can be done to a server.
    pub fn words(server: Server) -> impl Iterator<Item = &'static str> {
        let plain = PLAIN.into_iter().filter(move |(whom, ..)| *whom == server);
        let settings = (server == Server::Postgres).then_some("set statement_timeout = 5ms");
        plain.map(|(_, words, _)| words).chain(settings)
    }

    /// Whether others on the same server would feel it.
    pub fn breaks_server(&self) -> bool {
        matches!(self, Self::TakeConnections | Self::FillDisk)
    }

    /// Whether what is published meanwhile is routed nowhere.
    pub fn leaves_unroutable(&self) -> bool {
        matches!(self, Self::DeleteQueue | Self::DeleteExchange)
    }
}

impl Setting {
    fn parse(text: &str) -> Result<Self, String> {
        let example = "write one like set statement_timeout = 5ms";
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} sets nothing; {example}"))?;
        let (name, value) = (name.trim(), value.trim());
        let mut known = SETTINGS.into_iter();
        let names = SETTINGS.map(|(name, _)| name);
        let (name, refuses) = known.find(|(known, _)| *known == name).ok_or_else(|| {
            format!(
                "{name:?} is not set by the lab; it sets {}{}",
                names.join(", "),
                did_you_mean(name, names)
            )
        })?;
        let is_plain = |sign: char| sign.is_ascii_alphanumeric() || sign == ' ';
        if value.is_empty() || !value.chars().all(is_plain) {
            return Err(format!("{value:?} is no value of {name}; {example}"));
        }
        Ok(Self {
            name,
            value: value.to_owned(),
            refuses,
        })
    }

    /// Whether no session can write under it, tried or not: who asks before he writes is never refused.
    pub fn is_read_only(&self) -> bool {
        self.name == READ_ONLY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_words_of_its_own_and_is_done_to_one_server_only() {
        for (server, words, meddling) in PLAIN {
            assert_eq!(Meddling::parse(server, words), Ok(Some(meddling)));
            let other = match server {
                Server::Postgres => Server::RabbitMq,
                Server::RabbitMq => Server::Postgres,
            };
            assert_eq!(Meddling::parse(other, words), Ok(None));
        }
    }

    #[test]
    fn a_setting_is_one_that_the_lab_knows_and_its_value_is_a_word() {
        let set = |text| Meddling::parse(Server::Postgres, text);
        let Ok(Some(Meddling::Set(setting))) = set("set statement_timeout = 5ms") else {
            panic!("not read")
        };
        assert_eq!(
            (setting.name, &*setting.value),
            ("statement_timeout", "5ms")
        );
        for (wrong, said) in [
            ("set statement_timeout", "sets nothing"),
            (
                "set statement_timout = 5ms",
                "did you mean \"statement_timeout\"",
            ),
            ("set statement_timeout = ", "no value"),
            ("set statement_timeout = 5ms; DROP TABLE x", "no value"),
        ] {
            let problem = set(wrong).unwrap_err();
            assert!(problem.contains(said), "{wrong}: {problem}");
        }
    }
}
