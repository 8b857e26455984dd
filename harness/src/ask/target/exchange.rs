//! Exchanges and queues, as target files name them.

use serde::Deserialize;

use crate::ask::spelling::did_you_mean;

/// How an exchange compares keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Kind {
    /// By pattern.
    #[default]
    Topic,
    /// Letter by letter.
    Direct,
    /// Not at all.
    Fanout,
    /// By headers; a key is `name=value`.
    Headers,
    /// By hash; a key is a weight. A plugin's.
    ConsistentHash,
}

impl Kind {
    const NAMED: [(&'static str, Self); 5] = [
        ("topic", Self::Topic),
        ("direct", Self::Direct),
        ("fanout", Self::Fanout),
        ("headers", Self::Headers),
        ("x-consistent-hash", Self::ConsistentHash),
    ];

    /// As AMQP has it.
    pub fn name(self) -> &'static str {
        let known = Self::NAMED.into_iter().find(|(_, kind)| *kind == self);
        known.map_or("?", |(name, _)| name)
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Self::NAMED.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, kind)| kind).ok_or_else(|| {
            let names = Self::NAMED.map(|(name, _)| name);
            format!(
                "{text:?} is no kind of exchange; there are {}{}",
                names.join(", "),
                did_you_mean(&text, names)
            )
        })
    }
}

/// The longest name in AMQP.
const LONGEST: usize = 255;

/// A queue's or an exchange's name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// As AMQP has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "the name is empty; the default exchange has only its queues, and is listened to by queue = \"…\""
                    .to_owned(),
            );
        }
        if text.len() > LONGEST {
            return Err(format!(
                "a name of {} bytes; AMQP takes {LONGEST}",
                text.len()
            ));
        }
        if text.contains("{{") {
            return Err(format!(
                "{text:?} has a placeholder; each run has a vhost of its own, names need not differ"
            ));
        }
        Ok(Self(text))
    }
}

/// An exchange to declare: `"lab.events topic"`, durable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Exchange {
    /// What it is called.
    pub name: Name,
    /// How it compares keys.
    pub kind: Kind,
}

impl TryFrom<String> for Exchange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, kind) = text.split_once(' ').ok_or_else(|| {
            format!("{text:?} is no exchange to declare; write its name and kind: \"{text} topic\"")
        })?;
        if name.starts_with("amq.") {
            return Err(format!(
                "{name:?} is the broker's own, and is there; leave it out"
            ));
        }
        Ok(Self {
            name: Name::try_from(name.to_owned())?,
            kind: Kind::try_from(kind.trim().to_owned())?,
        })
    }
}
