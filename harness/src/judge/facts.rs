//! A run in numbers, derived from its history alone. Scenarios compare them in `[bites]` and `[expect]`.

mod commits;
mod count;
mod counters;

pub(crate) use counters::COUNTERS;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::basis::Unjudgeable;
use crate::history::History;

/// Every fact and its meaning. `fault_N_bites` stands for one fact a fault, counted from 1 as in the file.
pub const NAMES: &[(&str, &str)] = &[
    (
        "bids_asked",
        "requests that clients sent, copies and retries included",
    ),
    ("bids_accepted", "requests answered 201 or 200"),
    ("bids_created", "requests answered 201: the bid is new"),
    (
        "bids_repeated",
        "requests answered 200: the same bid was there already",
    ),
    ("bids_refused", "requests answered with a definite no"),
    (
        "bids_too_low",
        "requests refused because the bid does not beat the highest",
    ),
    (
        "bids_conflicting",
        "requests refused because their bid_id has other content",
    ),
    (
        "bids_closed",
        "requests refused because the auction is closed",
    ),
    (
        "bids_unavailable",
        "requests answered 503; they count as unknown too",
    ),
    (
        "bids_unknown",
        "requests that may or may not have happened: 5xx, timeout, cut connection, no answer",
    ),
    (
        "bids_unanswered",
        "unknown requests to which nothing was answered at all: the client gave up, or its connection broke",
    ),
    (
        "unknown_stored",
        "unknown requests whose bid is in the table at the end",
    ),
    ("unknown_absent", "unknown requests whose bid is not"),
    (
        "bids_overtaken_by_close",
        "requests refused because the auction is closed that were sent before it closed",
    ),
    ("bids_shown", "bids that followers of live feeds were shown"),
    (
        "feeds_lost",
        "times that a follower's connection broke, was refused or was ended, until all was quiet",
    ),
    (
        "accepted_during_fault",
        "requests sent and accepted while one and the same fault was in place",
    ),
    (
        "unavailable_during_fault",
        "requests answered 503 that were sent or answered while a fault was in place",
    ),
    ("bids_stored", "rows of bids at the end"),
    ("events", "rows of the outbox at the end"),
    (
        "events_failed",
        "events given up at the end; naming this fact allows for them",
    ),
    (
        "events_held",
        "events that wait at the end behind one given up",
    ),
    (
        "bids_parked",
        "received bids that wait at the end for a predecessor",
    ),
    ("events_retried", "events that were claimed more than once"),
    ("bids_applied", "bids that the consumer applied by the end"),
    ("deliveries", "messages that the witness received"),
    (
        "deliveries_again",
        "copies published again: a message_id seen before, without the broker's redelivered flag",
    ),
    (
        "redeliveries",
        "messages that the broker flagged as redelivered to the witness",
    ),
    (
        "reordered_deliveries",
        "first deliveries behind a later one of their auction (RFC 4737, section 3)",
    ),
    (
        "auctions_with_3_events",
        "auctions of which the witness received 3 events or more",
    ),
    (
        "dead_letters",
        "messages in the dead-letter queue at the end; naming this fact allows for them",
    ),
    (
        "redelivered_to_consumer",
        "deliveries that the broker repeated to the service's consumer",
    ),
    (
        "backlog_peak",
        "most rows waiting to be published, over all samples",
    ),
    (
        "backlog_during_fault_peak",
        "the same, over samples taken while a fault was in place",
    ),
    (
        "processing_peak",
        "most rows claimed and not written back, over all samples",
    ),
    (
        "parked_peak",
        "most received bids that wait for a predecessor, over all snapshots",
    ),
    (
        "requests_held_back",
        "requests that were sent late because every client was waiting: for them the loop was closed",
    ),
    (
        "relays_that_published",
        "relays, counted anew each time one starts, that marked an event published",
    ),
    (
        "lanes_handed_on",
        "times that a lane came from one relay to another",
    ),
    (
        "unmarked_ms_peak",
        "longest time, in milliseconds, from an event's first delivery to its mark",
    ),
    (
        "returned",
        "messages that came back to the relay, by its own count",
    ),
    (
        "nacked",
        "messages that the broker refused, by the relay's own count",
    ),
    (
        "lease_conflicts",
        "write-backs that came too late, by the relay's own count",
    ),
    (
        "broker_outages",
        "times that the relay could not go on with the broker, by its own count",
    ),
    (
        "duplicates_absorbed",
        "deliveries of bids that were known already, by the consumer's own count",
    ),
    (
        "outcomes_unknown",
        "requests of which the API itself did not know the outcome, by its own count",
    ),
    ("snapshots", "snapshots of the tables"),
    ("faults_applied", "faults that were put in place"),
    (
        "fault_bites",
        "evidence that faults did something, summed over all faults",
    ),
    ("fault_N_bites", "the same for the N-th fault of the file"),
    (
        "recovery_ms",
        "milliseconds from the last heal to quiet; the time waited, when that was not reached",
    ),
];

/// Why a fact cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// The scenario names a fact that does not exist.
    #[error("there is no fact {name:?}; known are {known}")]
    Unknown {
        /// As written.
        name: String,
        /// Every name.
        known: String,
    },
    /// The run ended before it could be measured.
    #[error("{0} was not measured in this run")]
    Unmeasured(String),
}

impl From<FactError> for Unjudgeable {
    fn from(error: FactError) -> Self {
        Self::Fact(error.to_string())
    }
}

/// Numbers by name. One that could not be measured is absent, never 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(BTreeMap<String, u64>);

/// Whether there is a fact of this name, in a scenario with so many faults.
pub(crate) fn known(name: &str, faults: usize) -> Result<(), FactError> {
    let numbered = |number: usize| name == format!("fault_{number}_bites");
    let listed = name != "fault_N_bites" && NAMES.iter().any(|(known, _)| *known == name);
    if listed || (1..=faults).any(numbered) {
        return Ok(());
    }
    let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    Err(FactError::Unknown {
        name: name.to_owned(),
        known: known.join(", "),
    })
}

impl Facts {
    /// Counts everything in [`NAMES`].
    pub fn of(history: &History) -> Self {
        let mut facts = Self::default();
        facts.count_requests(history);
        facts.count_deliveries(history);
        facts.count_readers(history);
        facts.count_samples(history);
        facts.count_faults(history);
        facts.count_rows(history);
        facts.count_commits(history);
        facts.count_counters(history);
        facts
    }

    /// One fact. `faults` is how many the scenario has.
    pub fn get(&self, name: &str, faults: usize) -> Result<u64, FactError> {
        known(name, faults)?;
        let value = self.0.get(name).copied();
        value.ok_or_else(|| FactError::Unmeasured(name.to_owned()))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::Story;

    #[test]
    fn every_fact_is_measured_in_a_whole_run_and_documented() {
        let facts = Facts::of(&Story::clean().history());
        let named: Vec<String> = NAMES
            .iter()
            .map(|(name, _)| name.replace("_N_", "_1_"))
            .collect();
        let mut sorted = named.clone();
        sorted.sort();
        assert_eq!(
            facts
                .iter()
                .map(|(name, _)| name.to_owned())
                .collect::<Vec<_>>(),
            sorted
        );
        assert_eq!(facts.get("bids_accepted", 1), Ok(3));
        assert_eq!(facts.get("fault_1_bites", 1), Ok(4));
    }

    #[test]
    fn an_unknown_fact_lists_the_known_ones() {
        let error = Facts::default()
            .get("bids_accpted", 1)
            .expect_err("misspelt")
            .to_string();
        assert!(
            error.contains("\"bids_accpted\"") && error.contains("bids_accepted, bids_created"),
            "{error}"
        );
        assert!(matches!(
            Facts::default().get("fault_2_bites", 1),
            Err(FactError::Unknown { .. })
        ));
        assert!(matches!(
            Facts::default().get("fault_N_bites", 1),
            Err(FactError::Unknown { .. })
        ));
    }

    #[test]
    fn what_was_not_measured_is_not_zero() {
        let facts = Facts::of(&History::default());
        assert_eq!(
            facts.get("backlog_peak", 0),
            Err(FactError::Unmeasured("backlog_peak".to_owned()))
        );
        assert_eq!(facts.get("bids_asked", 0), Ok(0));
    }

    #[test]
    fn only_a_copy_published_again_counts_as_one() {
        let mut story = Story::clean();
        story.redeliver(1);
        assert_eq!(
            Facts::of(&story.history()).get("deliveries_again", 1),
            Ok(0)
        );
        story.deliver_again(1);
        assert_eq!(
            Facts::of(&story.history()).get("deliveries_again", 1),
            Ok(1)
        );
    }
}
