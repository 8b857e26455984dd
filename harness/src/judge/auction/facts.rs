//! Facts that only runs of the auction service have.

use super::note::Note;
use super::refusal::Refusal;
use super::shown::Shown;
use super::terms::Auctions;
use super::{counters, relays, trace};
use crate::history::{Event, History, Op, Outcome};

/// Every one and its meaning.
pub(in crate::judge) const NAMES: &[(&str, &str)] = &[
    ("bids_created", "requests answered 201: the bid is new"),
    (
        "bids_repeated",
        "requests answered 200: the same bid was there already",
    ),
    (
        "bids_too_low",
        "requests refused because the bid does not beat the highest",
    ),
    (
        "bids_conflicting",
        "requests refused because their id has other content",
    ),
    (
        "bids_closed",
        "requests refused because the auction is closed",
    ),
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
        "takeovers",
        "lanes taken over when their leases had ended, or with events in flight",
    ),
    (
        "received_again",
        "messages given to a consumer that had been given to one before",
    ),
    (
        "stale_marks",
        "marks that presented a replaced token: confirmed under it by the taps, and counted by the relay",
    ),
    (
        "late_commits",
        "events committed when one with a later place in the queue had been",
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
];

/// What was sent so long before a close was surely sent before it.
const SENT_BEFORE_US: u64 = 50_000;

/// Their values; what cannot be measured is not there.
pub(in crate::judge) fn of(history: &History) -> Vec<(&'static str, u64)> {
    let mut facts = answers(history);
    facts.extend(readers(history));
    facts.extend(relays::shown(history));
    facts.extend(trace::shown(history));
    facts.extend(counters::counted(history));
    facts
}

fn answers(history: &History) -> Vec<(&'static str, u64)> {
    let Ok(auctions) = Auctions::of(history) else {
        return Vec::new();
    };
    let count = |holds: &dyn Fn(&Op) -> bool| {
        let workload = history.ops().values().filter(|op| op.is_workload());
        workload.filter(|op| holds(op)).count() as u64
    };
    let accepted_as = |as_what: u16| {
        count(
            &|op| matches!(op.outcome(), Some(Outcome::Accepted { status, .. }) if *status == Some(as_what)),
        )
    };
    let refused = |as_what| count(&|op| op.outcome().and_then(Refusal::of) == Some(as_what));
    let overtaken = |op: &Op| {
        let sent = history.entries()[op.invoked].at_us;
        let closed = op.outcome().and_then(Refusal::of) == Some(Refusal::Closed);
        let closes_at = auctions.closes_at(op.asked.key);
        closed && closes_at.is_some_and(|closes_at| sent + SENT_BEFORE_US < closes_at)
    };
    vec![
        ("bids_created", accepted_as(201)),
        ("bids_repeated", accepted_as(200)),
        ("bids_too_low", refused(Refusal::TooLow)),
        ("bids_conflicting", refused(Refusal::Conflict)),
        ("bids_closed", refused(Refusal::Closed)),
        ("bids_overtaken_by_close", count(&overtaken)),
    ]
}

fn readers(history: &History) -> Vec<(&'static str, u64)> {
    let Ok(notes) = Note::all(history) else {
        return Vec::new();
    };
    // At the end the processes stop, and feeds with them.
    let quiet = history
        .events()
        .position(|event| matches!(event, Event::Recovered { .. } | Event::NotRecovered { .. }));
    let until_quiet = |position: usize| quiet.is_none_or(|quiet| position < quiet);
    let shown = notes.iter().filter(|(_, note)| {
        matches!(
            note,
            Note::Shown {
                shown: Shown::Bid(_),
                ..
            }
        )
    });
    let lost = notes
        .iter()
        .filter(|(position, note)| matches!(note, Note::FeedLost { .. }) && until_quiet(*position));
    vec![
        ("bids_shown", shown.count() as u64),
        ("feeds_lost", lost.count() as u64),
    ]
}
