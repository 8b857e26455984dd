//! How many writes, and how fast.

use std::time::Duration;

/// Writes over time. An open loop: one is sent when it is due, however slow the answers are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many writes a second, for so long.
    Rate {
        /// Writes a second.
        per_second: u32,
        /// For how long.
        span: Duration,
    },
    /// All at the start.
    AtOnce(usize),
    /// So many, each at a time of its own, which a plan says.
    Planned(usize),
}

/// A pace that cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("writes = {0:?} is no pace; write one like \"200/s for 3s\" or \"100 at once\"")]
pub struct BadPace(String);

/// More would be a load test.
const MOST: usize = 1_000_000;

impl Pace {
    /// `"200/s for 3s"`, `"100 at once"`, `"6 planned"`.
    pub fn parse(text: &str) -> Result<Self, BadPace> {
        let counted = |unit: &str| text.strip_suffix(unit)?.trim().parse().ok();
        let pace = match text.split_once("/s for ") {
            Some((rate, span)) => Self::rate(rate, span),
            None => counted(" at once")
                .map(Self::AtOnce)
                .or_else(|| counted(" planned").map(Self::Planned)),
        };
        pace.filter(|pace| (1..=MOST).contains(&pace.writes()))
            .ok_or_else(|| BadPace(text.to_owned()))
    }

    fn rate(rate: &str, span: &str) -> Option<Self> {
        let per_second = rate.trim().parse().ok().filter(|rate| *rate > 0)?;
        let span = humantime::parse_duration(span.trim()).ok()?;
        Some(Self::Rate { per_second, span })
    }

    /// The same, and no more of them a second than this; for as long as it takes then.
    pub fn at_most(self, most: u32) -> Self {
        match self {
            Self::Rate { per_second, span } => Self::Rate {
                per_second: per_second.min(most.max(1)),
                span,
            },
            others => others,
        }
    }

    /// How many writes.
    pub fn writes(self) -> usize {
        match self {
            Self::Rate { per_second, span } => {
                (f64::from(per_second) * span.as_secs_f64()) as usize
            }
            Self::AtOnce(writes) | Self::Planned(writes) => writes,
        }
    }

    /// When the write with this index is sent; of what is planned the plan says it.
    pub fn due(self, index: usize) -> Duration {
        match self {
            Self::Rate { per_second, .. } => {
                Duration::from_secs_f64(index as f64 / f64::from(per_second))
            }
            Self::AtOnce(_) | Self::Planned(_) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_spreads_its_writes_evenly() {
        let pace = Pace::parse("200/s for 3s").unwrap();
        assert_eq!(pace.writes(), 600);
        assert_eq!(pace.due(100), Duration::from_millis(500));
    }

    #[test]
    fn at_once_is_at_once() {
        let pace = Pace::parse("100 at once").unwrap();
        assert_eq!((pace.writes(), pace.due(99)), (100, Duration::ZERO));
    }

    #[test]
    fn what_is_planned_is_counted() {
        assert_eq!(Pace::parse("6 planned").unwrap(), Pace::Planned(6));
        assert!(Pace::parse("0 planned").is_err());
    }

    #[test]
    fn nothing_and_nonsense_are_refused() {
        for text in [
            "",
            "fast",
            "0/s for 3s",
            "5/s for 0s",
            "0 at once",
            "-1 at once",
            "9999999999 at once",
        ] {
            assert!(Pace::parse(text).is_err(), "{text:?}");
        }
    }
}
