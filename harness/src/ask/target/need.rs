//! `needs`: what the servers must have.

use serde::Deserialize;

use crate::ask::spelling::did_you_mean;

/// Something that a server has or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Need {
    /// A setting of Postgres: `postgres.wal_level=logical`.
    Setting {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A plugin of RabbitMQ: `rabbitmq_stomp`.
    Plugin(String),
    /// A RabbitMQ of each run's own, with its default vhost.
    OwnRabbitmq,
}

const KNOWN: [&str; 4] = [
    "postgres.wal_level=logical",
    "rabbitmq_stomp",
    "rabbitmq_consistent_hash_exchange",
    "own rabbitmq",
];

impl TryFrom<String> for Need {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|sign| sign.is_ascii_alphanumeric() || sign == b'_')
        };
        if text == "own rabbitmq" {
            return Ok(Self::OwnRabbitmq);
        }
        if text.starts_with("rabbitmq_") && is_word(&text) {
            return Ok(Self::Plugin(text));
        }
        let setting = text
            .strip_prefix("postgres.")
            .and_then(|setting| setting.split_once('='));
        match setting.map(|(name, value)| (name.trim(), value.trim())) {
            Some((name, value)) if is_word(name) && !value.is_empty() => Ok(Self::Setting {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err(format!(
                "{text:?} is nothing that servers have; write postgres.SETTING=VALUE, the name of a plugin such as rabbitmq_stomp, or \"own rabbitmq\"{}",
                did_you_mean(&text, KNOWN)
            )),
        }
    }
}
