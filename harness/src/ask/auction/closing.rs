//! Auctions that close while bids come in.

use std::time::Duration;

/// So many auctions more, which close so long after the workload has begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Closing {
    /// How many.
    pub auctions: u32,
    /// When.
    pub after: Duration,
}

/// What cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "closing = {0:?} says no time; write one like \"4 after 2s\": four auctions more, which close 2 s after the start"
)]
pub struct BadClosing(String);

impl Closing {
    /// `"4 after 2s"`.
    pub fn parse(text: &str) -> Result<Self, BadClosing> {
        let read = || {
            let (auctions, after) = text.split_once(" after ")?;
            let auctions = auctions
                .trim()
                .parse()
                .ok()
                .filter(|auctions| *auctions > 0)?;
            let after = humantime::parse_duration(after.trim()).ok()?;
            Some(Self { auctions, after })
        };
        read().ok_or_else(|| BadClosing(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_auctions_and_a_time_are_needed() {
        let four = Closing {
            auctions: 4,
            after: Duration::from_secs(2),
        };
        assert_eq!(Closing::parse("4 after 2s"), Ok(four));
        for text in [
            "",
            "4",
            "after 2s",
            "0 after 2s",
            "4 after soon",
            "-1 after 2s",
        ] {
            assert!(Closing::parse(text).is_err(), "{text:?}");
        }
    }
}
