//! How long, and how often.

use std::time::Duration;

use serde::Deserialize;

use crate::ask::lasting::duration;

/// A time that is longer than none: `"500ms"`, `"15s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(Duration);

impl Span {
    /// So many seconds.
    pub(super) const fn seconds(seconds: u64) -> Self {
        assert!(seconds > 0, "no time at all");
        Self(Duration::from_secs(seconds))
    }

    /// How long that is.
    pub const fn get(self) -> Duration {
        self.0
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match duration(text)? {
            Duration::ZERO => Err(format!("{text:?} is no time at all; write one like 500ms")),
            span => Ok(Self(span)),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

/// So many a second: `"100/s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate(u32);

impl Rate {
    pub(super) const fn new(per_second: u32) -> Self {
        assert!(per_second > 0, "nothing at all");
        Self(per_second)
    }

    /// So many a second.
    pub const fn per_second(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_suffix("/s").map(str::trim);
        let number = number.and_then(|number| number.parse().ok());
        number
            .filter(|number| *number > 0)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no rate; write one like \"100/s\""))
    }
}
