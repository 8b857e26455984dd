//! What the processes under test count themselves, summed over all of them and all their lives.

use std::collections::BTreeMap;

use crate::history::{Event, History};

/// Facts and the counters that they are: all that is read of the processes.
pub(crate) const COUNTERS: [(&str, &str); 6] = [
    ("returned", "relay_returned_total"),
    ("nacked", "relay_nacked_total"),
    ("lease_conflicts", "relay_lease_conflicts_total"),
    ("broker_outages", "relay_outages_total"),
    ("duplicates_absorbed", "consumer_duplicates_total"),
    (
        "outcomes_unknown",
        "bids_refused_total{code=\"outcome_unknown\"}",
    ),
];

/// What they have counted.
pub(super) fn counted(history: &History) -> impl Iterator<Item = (&'static str, u64)> {
    let total = |(fact, counter)| Some((fact, total(history, counter)?));
    COUNTERS.into_iter().filter_map(total)
}

/// A process that counts less than before was started anew. What it had counted since it was last read is lost, so that a
/// total is a least one. None where nobody counts it.
fn total(history: &History, counter: &str) -> Option<u64> {
    let mut seen: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for event in history.events() {
        if let Event::Counted { process, counters } = event
            && let Some(now) = counters.get(counter)
        {
            let (lives_before, last) = seen.entry(process).or_default();
            if now < last {
                *lives_before = lives_before.saturating_add(*last);
            }
            *last = *now;
        }
    }
    let totals = seen.values().flat_map(|(before, last)| [*before, *last]);
    (!seen.is_empty()).then(|| totals.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use crate::judge::facts::Facts;
    use crate::judge::proof::story::Story;

    #[test]
    fn counters_at_their_end_are_summed_to_the_end() {
        let mut story = Story::clean();
        story.counts("relay 1", "relay_returned_total", u64::MAX);
        story.counts("relay 2", "relay_returned_total", u64::MAX);
        let facts = Facts::of(&story.history());
        assert_eq!(facts.get("returned", 1), Ok(u64::MAX));
    }

    #[test]
    fn a_counter_is_summed_over_processes_and_their_lives() {
        let mut story = Story::clean();
        for (process, count) in [
            ("relay 1", 3),
            ("relay 2", 5),
            ("relay 2", 5),
            ("relay 1", 4),
            ("relay 1", 1),
        ] {
            story.counts(process, "relay_returned_total", count);
        }
        let facts = Facts::of(&story.history());
        assert_eq!(facts.get("returned", 1), Ok(4 + 1 + 5));
    }
}
