//! How it is seen that a process can work.

use serde::{Deserialize, Deserializer, de::Error};

use crate::ask::target::{
    exchange::Name,
    pattern::Pattern,
    placeholder::Placeholder,
    text::{OfProcess, Text},
};

/// How it is seen that a process can work. In every case a first message must arrive at the witness before anything is
/// broken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// By that message alone.
    #[default]
    #[serde(skip)]
    Unsaid,
    /// A path of its HTTP port answers 200.
    Http(Path),
    /// A line of its log.
    Log(Pattern),
    /// A port takes connections.
    Tcp(Port),
    /// A file that it writes once it has started.
    File(Text<OfProcess>),
    /// A queue has a consumer, by the broker's word.
    Consumes(Name),
}

/// A path of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Path(String);

impl Path {
    /// Behind the port.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.starts_with('/') || text.contains(' ') || text.contains("{{") {
            return Err(format!(
                "{text:?} is no path on {{{{port.http}}}}; write one like \"/ready\""
            ));
        }
        Ok(Self(text))
    }
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// One that cannot be changed: no two runs have it at once.
    Fixed(u16),
    /// `{{port.NAME}}`.
    Free(String),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a port: \"{{port.http}}\", or a number from 1 to 65535"
)]
enum Said {
    Number(u16),
    Text(String),
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |found: &str| {
            D::Error::custom(format!(
                "{found} is no port; write \"{{{{port.http}}}}\", or a number from 1 to 65535 if it cannot be chosen"
            ))
        };
        match Said::deserialize(deserializer)? {
            Said::Number(0) => Err(wrong("0")),
            Said::Number(port) => Ok(Self::Fixed(port)),
            Said::Text(text) => {
                let parsed = Text::<OfProcess>::parse(&text).map_err(D::Error::custom)?;
                let mut open = parsed.placeholders();
                match (open.next(), open.next(), parsed.literals().next()) {
                    (Some(Placeholder::Port(name)), None, None) => Ok(Self::Free(name.clone())),
                    _ => Err(wrong(&format!("{text:?}"))),
                }
            }
        }
    }
}
