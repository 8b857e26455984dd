//! What an operation is about, wherever it is seen: as asked for, as stored, in the outbox, in a message, as an effect.

use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What operations belong to that have an order among themselves. Targets may have names of their own for their keys, such as
/// an order's id; the lab's own keys are numbers.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Key(pub Uuid);

impl Key {
    /// The digits that stand before a number's.
    const NUMBERED: u128 = 0x0000_0000_0000_4000_8000_0000_0000_0000;

    /// The lab's own key of this number.
    pub const fn numbered(number: u16) -> Self {
        Self(Uuid::from_u128(Self::NUMBERED + number as u128))
    }

    /// Its number; none if it is a name of the target's.
    pub fn number(self) -> Option<u16> {
        let number = self.0.as_u128().checked_sub(Self::NUMBERED)?;
        u16::try_from(number).ok()
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self.number() {
            Some(number) => number.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

impl FromStr for Key {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Values by name that only the target's own checkers understand. To everybody else they are equal or not. Most targets have
/// none.
pub type Content = BTreeMap<String, serde_json::Value>;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The operation.
    pub id: Uuid,
    /// What it belongs to.
    pub key: Key,
    /// What else it says.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub content: Content,
}

impl Asked {
    /// Whether this is what was asked for: the same key, and every value that was asked for.
    pub fn is(&self, item: &Item) -> bool {
        let same = |(name, value): (&String, &serde_json::Value)| {
            item.content.get(name).is_some_and(|found| found == value)
        };
        self.id == item.id && self.key == item.key && self.content.iter().all(same)
    }
}

/// An operation as it is seen somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The operation.
    pub id: Uuid,
    /// What it belongs to.
    pub key: Key,
    /// Its place within its key, from 1 on where the target draws it.
    pub n: i64,
    /// What else it says.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub content: Content,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labs_own_keys_are_numbers() {
        assert_eq!(Key::numbered(17).to_string(), "17");
        assert_eq!(Key::numbered(17).number(), Some(17));
        let own = "0190d6c2-7b2e-7c1a-9d3f-5a1b2c3d4e5f";
        assert_eq!(
            own.parse::<Key>().map(|key| key.to_string()),
            Ok(own.to_owned())
        );
    }

    #[test]
    fn an_item_is_what_was_asked_for_if_it_says_at_least_that() {
        let said = |values: &[(&str, i64)]| -> Content {
            let named = |(name, value): &(&str, i64)| ((*name).to_owned(), (*value).into());
            values.iter().map(named).collect()
        };
        let asked = Asked {
            id: Uuid::from_u128(1),
            key: Key::numbered(1),
            content: said(&[("amount", 5)]),
        };
        let item = |content| Item {
            id: asked.id,
            key: asked.key,
            n: 1,
            content,
        };
        assert!(asked.is(&item(said(&[("amount", 5), ("at", 7)]))));
        assert!(!asked.is(&item(said(&[("amount", 6)]))));
        assert!(!asked.is(&item(said(&[("at", 7)]))));
        let elsewhere = Item {
            key: Key::numbered(2),
            ..item(said(&[("amount", 5)]))
        };
        assert!(!asked.is(&elsewhere));
    }
}
