//! When a fault starts, and when it ends.

use std::time::Duration;

/// When a fault starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// So long after the workload began.
    At(Duration),
    /// As soon as so many of something were seen.
    When(u64, Quantity),
}

/// What can be counted while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Operations in the database.
    Stored,
    /// Outbox events that wait.
    Waiting,
    /// Outbox events in a relay's hands.
    Held,
    /// Outbox events marked as sent.
    Sent,
    /// Messages that reached the witness.
    Delivered,
    /// Operations that have taken effect.
    Applied,
}

impl Quantity {
    const PHRASES: [(&'static str, Self); 6] = [
        ("operations are stored", Self::Stored),
        ("events are waiting", Self::Waiting),
        ("events are held", Self::Held),
        ("events are sent", Self::Sent),
        ("messages are delivered", Self::Delivered),
        ("operations are applied", Self::Applied),
    ];

    /// As scenarios write it.
    pub fn phrase(self) -> &'static str {
        Self::PHRASES
            .into_iter()
            .find(|(_, quantity)| *quantity == self)
            .map_or("?", |(phrase, _)| phrase)
    }
}

impl Moment {
    pub(super) fn parse(at: Option<&str>, when: Option<&str>) -> Result<Self, String> {
        match (at, when) {
            (Some(at), None) => Ok(Self::At(duration(at)?)),
            (None, Some(when)) => {
                let (number, phrase) = when.split_once(' ').unwrap_or((when, ""));
                let quantity = Quantity::PHRASES
                    .into_iter()
                    .find(|(known, _)| *known == phrase.trim());
                match (number.parse(), quantity) {
                    (Ok(number), Some((_, quantity))) if number > 0 => {
                        Ok(Self::When(number, quantity))
                    }
                    _ => {
                        let known: Vec<&str> = Quantity::PHRASES
                            .iter()
                            .map(|(phrase, _)| *phrase)
                            .collect();
                        Err(format!(
                            "when = {when:?} is no condition; write a number and one of: {}",
                            known.join(", ")
                        ))
                    }
                }
            }
            _ => Err("say either at = \"1s\" or when = \"20 events are held\"".to_owned()),
        }
    }
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// So long.
    For(Duration),
    /// Until the last client has its answer.
    Workload,
    /// Never healed: a process that is not started again, an edge that stays as it is.
    Ever,
}

impl Lasting {
    /// `"500ms"`, `"ever"`, or nothing.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, String> {
        match text {
            None => Ok(Self::Workload),
            Some("ever") => Ok(Self::Ever),
            Some(text) => match duration(text)? {
                Duration::ZERO => Err(format!(
                    "for = {text:?} is no time at all, and bites nothing; write one like 500ms, or leave it out: until the workload has ended"
                )),
                span => Ok(Self::For(span)),
            },
        }
    }
}

/// `"500ms"`, `"2s"`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is no duration such as 500ms or 2s: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_condition_and_never_both() {
        assert_eq!(
            Moment::parse(Some("1500ms"), None),
            Ok(Moment::At(Duration::from_millis(1500)))
        );
        assert_eq!(
            Moment::parse(None, Some("20 events are held")),
            Ok(Moment::When(20, Quantity::Held))
        );
        assert!(Moment::parse(None, None).is_err());
        assert!(Moment::parse(Some("1s"), Some("20 events are held")).is_err());
        assert!(Moment::parse(None, Some("20 events are fine")).is_err());
        assert!(Moment::parse(None, Some("0 operations are stored")).is_err());
    }

    #[test]
    fn a_fault_lasts_for_a_time_or_for_the_workload_or_for_ever() {
        assert_eq!(Lasting::parse(None), Ok(Lasting::Workload));
        assert_eq!(Lasting::parse(Some("ever")), Ok(Lasting::Ever));
        assert_eq!(
            Lasting::parse(Some("2s")),
            Ok(Lasting::For(Duration::from_secs(2)))
        );
        assert!(Lasting::parse(Some("long")).is_err());
        assert!(Lasting::parse(Some("0s")).is_err());
        assert!(Lasting::parse(Some("0ms")).is_err());
    }
}
