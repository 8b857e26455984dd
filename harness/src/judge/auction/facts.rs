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

#[cfg(test)]
mod tests {
    use crate::history::{Event, Key, Outcome, Purpose};
    use crate::judge::auction::{note::Note, shown::Shown};
    use crate::judge::facts::Facts;
    use crate::judge::proof::story::Story;

    fn fact(story: &Story, name: &str) -> u64 {
        Facts::of(&story.history()).get(name, 1).expect("a fact")
    }

    #[test]
    fn answers_are_counted_by_what_they_say() {
        let mut story = Story::new();
        story.opens(1);
        story.closed(9);
        (1..=2).for_each(|bid| story.place(bid, 1, 100 * bid as i64));
        for _ in 0..3 {
            let op = story.ask(1, 1, 100);
            story.accept(op, 200);
        }
        let refusals = [
            (4, "bid_too_low"),
            (5, "bid_conflict"),
            (6, "auction_closed"),
        ];
        for (times, code) in refusals {
            for _ in 0..times {
                let op = story.ask(3, 9, 1);
                story.refuse(op, 422, code);
            }
        }
        let lost = story.ask(4, 1, 400);
        story.times_out(lost);
        story.finish();
        let names = [
            "created",
            "repeated",
            "too_low",
            "conflicting",
            "closed",
            "overtaken_by_close",
        ];
        let counted = names.map(|name| fact(&story, &format!("bids_{name}")));
        assert_eq!(counted, [2, 3, 4, 5, 6, 0]);
    }

    #[test]
    fn what_the_lab_asks_for_itself_is_not_counted() {
        let mut story = Story::clean();
        let canary = story.ask(8, 1, 800);
        for event in &mut story.events {
            if let Event::Invoked { op, purpose, .. } = event
                && *op == canary
            {
                *purpose = Purpose::Canary;
            }
        }
        let (status, n, content) = (Some(201), Some(4), Default::default());
        let outcome = Outcome::Accepted { status, n, content };
        story.events.push(Event::Completed {
            op: canary,
            outcome,
        });
        assert_eq!(fact(&story, "bids_created"), 3);
    }

    #[test]
    fn a_close_overtakes_what_was_surely_sent_before_it() {
        let sent_before = |us: u64, code: &str| {
            let mut story = Story::new();
            story.closes(1, "3s");
            // Between two entries a millisecond passes by itself.
            story.time_passes(3_000_000 - us - 1_000);
            let op = story.ask(1, 1, 100);
            story.refuse(op, 422, code);
            story.finish();
            fact(&story, "bids_overtaken_by_close")
        };
        assert_eq!(sent_before(50_001, "auction_closed"), 1);
        assert_eq!(sent_before(50_000, "auction_closed"), 0);
        assert_eq!(sent_before(50_001, "bid_too_low"), 0);
    }

    #[test]
    fn feeds_are_lost_until_all_is_quiet() {
        let note = |note: Note| Event::from(note);
        let shown = |shown: Shown| note(Note::Shown { follower: 0, shown });
        let lost = || {
            let why = "reset".to_owned();
            note(Note::FeedLost { follower: 0, why })
        };
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 100);
        let key: Key = Story::key(1);
        let via = "api 1".to_owned();
        story.events.push(note(Note::Followed {
            follower: 0,
            key,
            via,
            after: None,
        }));
        story
            .events
            .push(shown(Shown::Standing { last_sequence: 0 }));
        let bid = story.tables.stored[0].clone();
        story.events.push(shown(Shown::Bid(bid)));
        story.events.extend([lost(), lost()]);
        story.finish();
        story.push_before_end(lost());
        assert_eq!(
            (fact(&story, "bids_shown"), fact(&story, "feeds_lost")),
            (1, 2)
        );
        story.not_recovered();
        assert_eq!(fact(&story, "feeds_lost"), 2);
        story.drop_events(|event| matches!(event, Event::NotRecovered { .. }));
        assert_eq!(fact(&story, "feeds_lost"), 3);
    }
}
