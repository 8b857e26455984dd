//! `[witness]`, or several `[[witness]]`: where the target's messages are heard.

use std::fmt::{Display, Formatter};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    exchange::{Kind, Name},
    mistake::Mistake,
};

/// A place to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// A queue of the lab's own, bound to an exchange.
    Exchange {
        /// Which.
        name: Name,
        /// How it compares keys.
        kind: Kind,
        /// What the queue is bound by.
        keys: Vec<String>,
    },
    /// A queue of the target's, of which the lab is the only reader.
    Queue(Name),
}

/// As the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WitnessTable {
    exchange: Option<Name>,
    kind: Option<Kind>,
    keys: Option<Vec<String>>,
    queue: Option<Name>,
    #[serde(default, rename = "port")]
    _port: Port,
}

/// How the lab listens.
#[derive(Debug, Default, Deserialize)]
enum Port {
    #[default]
    #[serde(rename = "amqp")]
    Amqp,
}

impl WitnessTable {
    pub fn understood(self) -> Result<Witness, Mistake> {
        match (self.exchange, self.queue) {
            (Some(_), Some(_)) => {
                let problem = "both exchange and queue; each is a [[witness]] of its own";
                Err(Mistake::at("queue", problem))
            }
            (None, None) => {
                let problem = "hears nothing; write exchange = \"…\", or queue = \"…\" where messages go to the default exchange";
                Err(Mistake::at("", problem))
            }
            (None, Some(queue)) => {
                if self.kind.is_some() {
                    return Err(Mistake::at("kind", "a queue has no kind; leave it out"));
                }
                if self.keys.is_some() {
                    return Err(Mistake::at("keys", "a queue has no keys; leave them out"));
                }
                Ok(Witness::Queue(queue))
            }
            (Some(name), None) => {
                let kind = self.kind.unwrap_or_default();
                let keys = keys(&name, kind, self.keys)?;
                Ok(Witness::Exchange { name, kind, keys })
            }
        }
    }
}

impl Witness {
    /// Of two that listen at one place each message is heard twice.
    pub(super) fn place(&self) -> &Name {
        match self {
            Self::Exchange { name, .. } | Self::Queue(name) => name,
        }
    }
}

fn keys(name: &Name, kind: Kind, said: Option<Vec<String>>) -> Result<Vec<String>, Mistake> {
    let name = name.as_str();
    let refuse = |problem: String| Err(Mistake::at("keys", problem));
    let needed = match kind {
        Kind::Topic => {
            return Ok(said
                .filter(|keys| !keys.is_empty())
                .unwrap_or(vec!["#".to_owned()]));
        }
        Kind::Fanout if said.is_some() => {
            return refuse(format!(
                "{name} is fanout, and compares no keys; leave them out"
            ));
        }
        Kind::Fanout => return Ok(vec![String::new()]),
        Kind::Direct => {
            "compares keys letter by letter: name each of them, keys = [\"order.placed\"]"
        }
        Kind::Headers => "compares headers: name them, keys = [\"type=order\"]",
        Kind::ConsistentHash => {
            let problem = format!(
                "{name} gives each message to one of its queues: the lab would hear a share, and take it from others; listen to the exchange that feeds it, or to the queue where nobody else reads it"
            );
            return Err(Mistake::at("kind", problem));
        }
    };
    let keys = said.unwrap_or_default();
    if keys.is_empty() {
        let problem = format!("{name} is {}, which {needed}", kind.name());
        return Err(Mistake::at("", problem));
    }
    let odd = |key: &&String| match kind {
        Kind::Direct => key.contains(['#', '*']),
        _ => key
            .split_once('=')
            .is_none_or(|(name, _)| name.trim().is_empty()),
    };
    match keys.iter().find(odd) {
        Some(odd) => refuse(format!(
            "found {odd:?}, but {name} is {}, which {needed}",
            kind.name()
        )),
        None => Ok(keys),
    }
}

impl Display for Witness {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {}, read by the lab alone", name.as_str()),
            Self::Exchange { name, kind, .. } => {
                write!(f, "exchange {} ({})", name.as_str(), kind.name())
            }
        }
    }
}

/// One table, or a list of them.
#[derive(Debug)]
pub(super) struct Witnesses(pub Vec<WitnessTable>);

impl<'de> Deserialize<'de> for Witnesses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Witnesses;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("[witness], or several [[witness]]")
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Witnesses, A::Error> {
                let table = WitnessTable::deserialize(MapAccessDeserializer::new(table))?;
                Ok(Witnesses(vec![table]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut tables: A) -> Result<Witnesses, A::Error> {
                let mut all = Vec::new();
                while let Some(table) = tables.next_element()? {
                    all.push(table);
                }
                Ok(Witnesses(all))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
