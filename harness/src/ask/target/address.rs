//! Where in a message something stands.

use std::fmt::{Display, Formatter};

use serde::Deserialize;

use super::pattern::Pattern;
use crate::ask::spelling::did_you_mean;

/// A place in a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Address {
    /// `property:message_id`.
    Property(Property),
    /// `header:id`, or `header:id#/payload` for a header that holds JSON.
    Header {
        /// Which.
        name: String,
        /// Where in it.
        within: Option<Pointer>,
    },
    /// `body:/message/orderId`, or `body:/payload#/id` for JSON inside a string of JSON.
    Body {
        /// Where in the body.
        pointer: Pointer,
        /// Where in the string that stands there.
        within: Option<Pointer>,
    },
    /// `body:~"order":"(…)"~`: what the group catches.
    Pattern(Pattern),
    /// `routing_key`.
    RoutingKey,
}

/// A property of AMQP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// `content-type`.
    ContentType,
    /// `content-encoding`.
    ContentEncoding,
    /// `delivery-mode`.
    DeliveryMode,
    /// `priority`.
    Priority,
    /// `correlation-id`.
    CorrelationId,
    /// `reply-to`.
    ReplyTo,
    /// `expiration`.
    Expiration,
    /// `message-id`.
    MessageId,
    /// `timestamp`.
    Timestamp,
    /// `type`.
    Type,
    /// `user-id`.
    UserId,
    /// `app-id`.
    AppId,
}

const PROPERTIES: [(&str, Property); 12] = [
    ("content_type", Property::ContentType),
    ("content_encoding", Property::ContentEncoding),
    ("delivery_mode", Property::DeliveryMode),
    ("priority", Property::Priority),
    ("correlation_id", Property::CorrelationId),
    ("reply_to", Property::ReplyTo),
    ("expiration", Property::Expiration),
    ("message_id", Property::MessageId),
    ("timestamp", Property::Timestamp),
    ("type", Property::Type),
    ("user_id", Property::UserId),
    ("app_id", Property::AppId),
];

impl Property {
    /// As files write it.
    pub fn name(self) -> &'static str {
        let known = PROPERTIES.into_iter().find(|(_, known)| *known == self);
        known.map_or("?", |(name, _)| name)
    }

    /// The one that files write so.
    pub fn named(name: &str) -> Option<Self> {
        let known = PROPERTIES.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, property)| property)
    }
}

/// A pointer into JSON (RFC 6901) that leads somewhere: `/message/orderId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// As JSON's readers take it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let escapes = text.split('~').skip(1);
        let sound = escapes
            .into_iter()
            .all(|after| after.starts_with(['0', '1']));
        if text.len() > 1 && text.starts_with('/') && sound {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} is no JSON pointer; write one like /message/orderId (a \"/\" in a name is ~1, a \"~\" is ~0)"
        ))
    }
}

/// What addresses look like, for whoever wrote something else.
const FORMS: &str = "property:message_id, header:NAME, header:NAME#/POINTER, body:/POINTER, body:/POINTER#/POINTER, body:~REGEX~, routing_key";

impl Address {
    fn property(name: &str) -> Result<Self, String> {
        Property::named(name).map(Self::Property).ok_or_else(|| {
            let names = PROPERTIES.map(|(name, _)| name);
            let advice = match did_you_mean(name, names) {
                none if none.is_empty() => format!("; there are {}", names.join(", ")),
                meant => meant,
            };
            format!("{name:?} is no property of a message{advice}")
        })
    }

    fn header(text: &str) -> Result<Self, String> {
        let (name, within) = inner(text)?;
        if name.is_empty() {
            return Err("header: names none; write header:NAME".to_owned());
        }
        Ok(Self::Header {
            name: name.to_owned(),
            within,
        })
    }

    fn body(text: &str) -> Result<Self, String> {
        let Some(pattern) = text.strip_prefix('~') else {
            let (pointer, within) = inner(text)?;
            return Ok(Self::Body {
                pointer: Pointer::parse(pointer)?,
                within,
            });
        };
        let pattern = pattern
            .strip_suffix('~')
            .ok_or_else(|| format!("\"body:{text}\" begins with ~ and does not end with it"))?;
        let pattern = Pattern::parse(pattern)?;
        match pattern.get().captures_len() - 1 {
            1 => Ok(Self::Pattern(pattern)),
            groups => Err(format!(
                "{:?} has {groups} groups; write one, around what is meant: \"order\":\"(.*?)\"",
                pattern.get().as_str()
            )),
        }
    }
}

/// What stands behind `#` leads into the JSON that the rest leads to.
fn inner(text: &str) -> Result<(&str, Option<Pointer>), String> {
    match text.split_once('#') {
        None => Ok((text, None)),
        Some((outer, pointer)) => Ok((outer, Some(Pointer::parse(pointer)?))),
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("property", name)) => Self::property(name),
            Some(("header", rest)) => Self::header(rest),
            Some(("body", rest)) => Self::body(rest),
            None if text == "routing_key" => Ok(Self::RoutingKey),
            found => {
                let word = found.map_or(text.as_str(), |(word, _)| word);
                let known = ["property", "header", "body", "routing_key"];
                Err(format!(
                    "{text:?} is no place in a message{}; write one of {FORMS}",
                    did_you_mean(word, known)
                ))
            }
        }
    }
}

/// As files write it.
impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let inner = |f: &mut Formatter<'_>, within: &Option<Pointer>| match within {
            Some(pointer) => write!(f, "#{}", pointer.as_str()),
            None => Ok(()),
        };
        match self {
            Self::Property(property) => write!(f, "property:{}", property.name()),
            Self::Header { name, within } => {
                write!(f, "header:{name}")?;
                inner(f, within)
            }
            Self::Body { pointer, within } => {
                write!(f, "body:{}", pointer.as_str())?;
                inner(f, within)
            }
            Self::Pattern(pattern) => write!(f, "body:~{}~", pattern.get().as_str()),
            Self::RoutingKey => f.write_str("routing_key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Address, String> {
        Address::try_from(text.to_owned())
    }

    #[test]
    fn every_form_of_an_address_is_understood() {
        let pointer = |text: &str| Pointer(text.to_owned());
        let header = |name: &str, within| Address::Header {
            name: name.to_owned(),
            within,
        };
        assert_eq!(
            parsed("property:message_id"),
            Ok(Address::Property(Property::MessageId))
        );
        assert_eq!(parsed("header:dop-msg-id"), Ok(header("dop-msg-id", None)));
        assert_eq!(
            parsed("header:id#/payload"),
            Ok(header("id", Some(pointer("/payload"))))
        );
        assert_eq!(
            parsed("body:/payload#/id"),
            Ok(Address::Body {
                pointer: pointer("/payload"),
                within: Some(pointer("/id")),
            })
        );
        let Ok(Address::Pattern(pattern)) = parsed("body:~\"order\":\"(.*?)\"~") else {
            panic!("no pattern")
        };
        assert_eq!(pattern.get().as_str(), "\"order\":\"(.*?)\"");
        assert_eq!(parsed("routing_key"), Ok(Address::RoutingKey));
    }

    #[test]
    fn an_address_is_shown_as_it_is_written() {
        for text in [
            "property:app_id",
            "header:id",
            "header:id#/payload",
            "body:/a/b",
            "body:/payload#/id",
            "body:~a(.)~",
            "routing_key",
        ] {
            assert_eq!(parsed(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_answered_with_what_would_be() {
        let refused = |text: &str| parsed(text).expect_err(text);
        assert!(refused("property:mesage_id").contains("did you mean \"message_id\""));
        assert!(refused("property:weather").contains("there are content_type"));
        assert!(refused("headers:id").contains("did you mean \"header\""));
        assert!(refused("body:id").contains("no JSON pointer"));
        assert!(refused("body:/a~2").contains("no JSON pointer"));
        assert!(refused("header:").contains("names none"));
        assert!(refused("body:~abc").contains("does not end with it"));
        assert!(refused("body:~abc~").contains("has 0 groups"));
        assert!(refused("body:~(a~").contains("no regular expression"));
    }
}
