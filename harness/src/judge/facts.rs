//! A run in numbers, derived from its history alone. Scenarios compare them in `[bites]` and `[expect]`.

mod count;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{basis::Unjudgeable, own};
use crate::ask::target::{Target, outbox::Outbox};
use crate::history::{History, Rules};

/// Every fact that runs of any target have, and its meaning. `fault_N_bites` stands for one fact a fault, counted from 1 as in
/// the file.
const COMMON: &[(&str, &str)] = &[
    (
        "requests",
        "requests that clients sent, copies and retries included",
    ),
    ("accepted", "requests with a definite yes"),
    ("refused", "requests answered with a definite no"),
    (
        "unavailable",
        "requests answered 503; they count as unknown too",
    ),
    (
        "unknown",
        "requests that may or may not have happened: 5xx, timeout, cut connection, no answer",
    ),
    (
        "unanswered",
        "unknown requests to which nothing was answered at all: the client gave up, or its connection broke",
    ),
    (
        "unknown_stored",
        "unknown requests of operations that are stored at the end",
    ),
    (
        "unknown_absent",
        "unknown requests of operations that are not",
    ),
    (
        "accepted_during_fault",
        "requests sent and accepted while one and the same fault was in place",
    ),
    (
        "unavailable_during_fault",
        "requests answered 503 that were sent or answered while a fault was in place",
    ),
    ("stored", "stored operations at the end"),
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
        "parked",
        "received operations that wait at the end for a predecessor",
    ),
    ("events_retried", "events that were tried more than once"),
    ("applied", "operations that had taken effect by the end"),
    ("deliveries", "messages that the witness received"),
    (
        "deliveries_again",
        "copies published again: about an operation that was heard of before, without the broker's redelivered flag",
    ),
    (
        "redeliveries",
        "messages that the broker flagged as redelivered to the witness",
    ),
    (
        "reordered_deliveries",
        "first deliveries behind a later one of their key (RFC 4737, section 3)",
    ),
    (
        "keys_with_3_events",
        "keys of which the witness received 3 events or more",
    ),
    (
        "dead_letters",
        "messages in the dead-letter queue at the end; naming this fact allows for them",
    ),
    (
        "redelivered_to_consumer",
        "deliveries that the broker repeated to the target's consumer",
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
        "most rows held by a relay, over all samples",
    ),
    (
        "parked_peak",
        "most received operations that wait for a predecessor, over all snapshots",
    ),
    (
        "requests_held_back",
        "requests that were sent late because every client was waiting: for them the loop was closed",
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

/// Every fact and its meaning: those of any target, and those that only the lab's own has.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    COMMON.iter().chain(own::facts::NAMES).copied()
}

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
    let listed = name != "fault_N_bites" && names().any(|(known, _)| known == name);
    if listed || (1..=faults).any(numbered) {
        return Ok(());
    }
    let known: Vec<&str> = names().map(|(name, _)| name).collect();
    Err(FactError::Unknown {
        name: name.to_owned(),
        known: known.join(", "),
    })
}

/// Whether runs of a target have this fact.
pub(crate) fn shown_by(name: &str, target: &Target) -> bool {
    let outbox = target.outbox.as_ref();
    match name {
        "stored" | "unknown_stored" | "unknown_absent" => target.look.business.is_some(),
        "events" => outbox.is_some(),
        "events_retried" => outbox.is_some_and(Outbox::shows_attempts),
        "events_failed" | "events_held" => outbox.is_some_and(|outbox| outbox.given_up.is_some()),
        "processing_peak" => outbox.is_some_and(|outbox| outbox.held.is_some()),
        "applied" | "parked" | "parked_peak" => target.effects.is_some(),
        // Nobody says which of its queues is the consumer's.
        "redelivered_to_consumer" => false,
        // As the lab's own target says it; others may say it otherwise.
        "dead_letters" | "unavailable" | "unavailable_during_fault" => false,
        name => COMMON.iter().any(|(known, _)| *known == name) || name.starts_with("fault_"),
    }
}

impl Facts {
    /// Everything in [`names`] that this run shows.
    pub fn of(history: &History) -> Arc<Self> {
        history.derived(Self::counted)
    }

    fn counted(history: &History) -> Self {
        let mut facts = Self::default();
        facts.count_requests(history);
        facts.count_deliveries(history);
        facts.count_samples(history);
        facts.count_faults(history);
        facts.count_rows(history);
        if history.subject().map(|subject| subject.rules) == Some(Rules::Own) {
            let own = own::facts::of(history).into_iter();
            facts
                .0
                .extend(own.map(|(name, value)| (name.to_owned(), value)));
        }
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
        let named: Vec<String> = names()
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
        assert_eq!(facts.get("accepted", 1), Ok(3));
        assert_eq!(facts.get("fault_1_bites", 1), Ok(4));
    }

    #[test]
    fn an_unknown_fact_lists_the_known_ones() {
        let error = Facts::default()
            .get("accpted", 1)
            .expect_err("misspelt")
            .to_string();
        assert!(
            error.contains("\"accpted\"") && error.contains("accepted, refused"),
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
        assert_eq!(facts.get("requests", 0), Ok(0));
        assert!(facts.get("backlog_during_fault_peak", 0).is_err());
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

    #[test]
    fn faults_are_numbered_from_1_as_in_the_file() {
        assert!(known("fault_0_bites", 2).is_err());
        assert!(known("fault_1_bites", 2).is_ok());
        assert!(known("fault_2_bites", 2).is_ok());
        assert!(known("fault_3_bites", 2).is_err());
    }

    #[test]
    fn a_target_has_the_facts_that_its_file_makes_visible() {
        let hidden = |change: fn(&mut Target)| {
            let mut target = Target::ours();
            change(&mut target);
            let mut hidden: Vec<&str> = COMMON.iter().map(|(name, _)| *name).collect();
            hidden.retain(|name| !shown_by(name, &target));
            hidden.join(" ")
        };
        assert!(!shown_by("no_such_fact", &Target::ours()));
        assert!(shown_by("fault_2_bites", &Target::ours()));
        let nobodys = hidden(|_| ());
        assert_eq!(
            nobodys,
            "unavailable unavailable_during_fault dead_letters redelivered_to_consumer"
        );
        let also = |change: fn(&mut Target)| {
            let hidden = hidden(change);
            let mut more: Vec<&str> = hidden.split(' ').collect();
            more.retain(|name| !nobodys.split(' ').any(|nobodys| nobodys == *name));
            more.join(" ")
        };
        assert_eq!(
            also(|target| target.look.business = None),
            "unknown_stored unknown_absent stored"
        );
        assert_eq!(
            also(|target| target.outbox = None),
            "events events_failed events_held events_retried processing_peak"
        );
        assert_eq!(
            also(|target| target
                .outbox
                .iter_mut()
                .for_each(|outbox| outbox.given_up = None)),
            "events_failed events_held"
        );
        assert_eq!(
            also(|target| target
                .outbox
                .iter_mut()
                .for_each(|outbox| outbox.held = None)),
            "processing_peak"
        );
        assert_eq!(
            also(|target| target
                .outbox
                .iter_mut()
                .for_each(|outbox| outbox.attempts = None)),
            "events_retried"
        );
        assert_eq!(
            also(|target| target.effects = None),
            "parked applied parked_peak"
        );
    }
}
