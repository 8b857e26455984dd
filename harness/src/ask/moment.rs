//! When a fault starts.

use std::time::Duration;

use crate::ask::{lasting::duration, scenario::System, scenario::When, wire::Watched};

/// When a fault starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// So long after the workload began.
    At(Duration),
    /// As soon as so many of something were seen.
    When(u64, Quantity),
    /// While a message that passes is held.
    Message(Watched),
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
    /// `at` or `when`; `own` is the edge that the fault itself is of.
    pub(super) fn parse(
        at: Option<&str>,
        when: Option<&When>,
        own: Option<&str>,
        system: &System,
    ) -> Result<Self, String> {
        match (at, when) {
            (Some(at), None) => Ok(Self::At(duration(at)?)),
            (None, Some(When::State(text))) => state(text),
            (None, Some(When::Message(message))) => {
                Watched::parse(message, own, system).map(Self::Message)
            }
            _ => Err(
                "say either at = \"1s\" or when = \"20 events are held\" or when = { event = \"committed\" }"
                    .to_owned(),
            ),
        }
    }
}

fn state(text: &str) -> Result<Moment, String> {
    let (number, phrase) = text.split_once(' ').unwrap_or((text, ""));
    let phrases = Quantity::PHRASES.into_iter();
    let quantity = phrases.clone().find(|(known, _)| *known == phrase.trim());
    match (number.parse(), quantity) {
        (Ok(number), Some((_, quantity))) if number > 0 => Ok(Moment::When(number, quantity)),
        _ => {
            let known: Vec<&str> = phrases.map(|(phrase, _)| phrase).collect();
            Err(format!(
                "when = {text:?} is no condition; write a number and one of: {}",
                known.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_condition_and_never_both() {
        let parse = |at, when: Option<&str>| {
            let when = when.map(|text| When::State(text.to_owned()));
            Moment::parse(at, when.as_ref(), None, &System::default())
        };
        assert_eq!(
            parse(Some("1500ms"), None),
            Ok(Moment::At(Duration::from_millis(1500)))
        );
        assert_eq!(
            parse(None, Some("20 events are held")),
            Ok(Moment::When(20, Quantity::Held))
        );
        assert!(parse(None, None).is_err());
        assert!(parse(Some("1s"), Some("20 events are held")).is_err());
        assert!(parse(None, Some("20 events are fine")).is_err());
        assert!(parse(None, Some("0 operations are stored")).is_err());
    }
}
