//! `[promise]`: what the target says of itself. What is promised and not kept fails; what is not promised is counted and
//! printed.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::span::Span;

/// What the target promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Promise {
    /// In which order events come.
    pub order: Order,
    /// How often an event takes effect.
    pub effects: Times,
    /// What becomes of a message that the broker routes nowhere.
    pub unroutable: Unroutable,
    /// What becomes of events while the broker is away.
    pub outage: Outage,
    /// What becomes of messages when the broker is restarted.
    pub messages: Messages,
}

/// What becomes of messages when the broker is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Messages {
    /// They are there as before (delivery mode 2).
    #[default]
    Persistent,
    /// They may be gone.
    Transient,
}

/// In which order events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Those of one key in the order in which they were written.
    #[default]
    Key,
    /// In any.
    None,
}

/// How often an event takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Times {
    /// Exactly once, however often it is delivered.
    #[default]
    #[serde(rename = "once")]
    Once,
    /// As often as it is delivered.
    #[serde(rename = "at least once")]
    AtLeastOnce,
}

/// What becomes of a message that the broker routes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Unroutable {
    /// Its event waits and goes out again.
    #[default]
    #[serde(rename = "kept")]
    Kept,
    /// Its event is marked as failed.
    #[serde(rename = "given up")]
    GivenUp,
    /// It is gone.
    #[serde(rename = "dropped")]
    Dropped,
}

/// What becomes of events while the broker is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Outage {
    /// They wait, however long that is.
    #[default]
    Keeps,
    /// They wait for so long.
    GivesUpAfter(Span),
    /// They wait for so many attempts, however long those take.
    GivesUpAfterAttempts(NonZeroU32),
}

impl TryFrom<String> for Outage {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "keeps" {
            return Ok(Self::Keeps);
        }
        let after = text.strip_prefix("gives up after ").ok_or_else(|| {
            format!(
                "{text:?} is no promise for an outage; write \"keeps\", \"gives up after 30s\" or \"gives up after 5 attempts\""
            )
        })?;
        let attempts = after
            .strip_suffix("attempts")
            .or(after.strip_suffix("attempt"));
        if let Some(number) = attempts {
            let number = number.trim();
            return number.parse().map(Self::GivesUpAfterAttempts).map_err(|_| {
                format!("{number:?} is no number of attempts; write one like \"gives up after 5 attempts\"")
            });
        }
        Ok(Self::GivesUpAfter(Span::parse(after.trim())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::{
        Target,
        tests::{LEAST, says},
    };

    #[test]
    fn an_outage_may_last_for_a_time_or_for_so_many_attempts() {
        let sound = LEAST.replace(
            "[write]",
            "[promise]\noutage = \"gives up after 5 attempts\"\n[write]",
        );
        let outage = Target::read(&sound).unwrap().promise.outage;
        let five = NonZeroU32::new(5).unwrap();
        assert_eq!(outage, Outage::GivesUpAfterAttempts(five));
        let refused = |to, words| says(&sound, "\"gives up after 5 attempts\"", to, 3, words);
        refused(
            "\"gives up after 0 attempts\"",
            "\"0\" is no number of attempts",
        );
        refused(
            "\"gives up after five attempts\"",
            "\"five\" is no number of attempts",
        );
        refused("\"gives up after 5 attemps\"", "5 attemps");
        refused("\"gives up\"", "\"keeps\", \"gives up after 30s\" or");
    }
}
