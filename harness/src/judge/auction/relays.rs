//! What the ledger shows of relays. Of a run that was only sampled nothing of this is measured.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::replay::{Replay, Step};
use crate::ask::auction::harm::USURPER;
use crate::history::History;

#[derive(Default)]
struct Relays {
    /// Who drew a token.
    holders: HashMap<i64, Uuid>,
    published: BTreeSet<Uuid>,
    owner_of_lane: HashMap<i16, Uuid>,
    handed_on: usize,
    /// Of each bid, when its event was marked, by the database's clock.
    marked_at_us: HashMap<Uuid, i64>,
}

/// How many relays published, how often lanes were handed on, and how long events stayed unmarked.
pub(super) fn shown(history: &History) -> Vec<(&'static str, u64)> {
    let Ok(Some(replay)) = Replay::of(history) else {
        return Vec::new();
    };
    let mut relays = Relays::default();
    for told in &replay.told {
        for step in &told.steps {
            relays.take(step, told.commit.committed_at_us);
        }
    }
    vec![
        ("relays_that_published", relays.published.len() as u64),
        ("lanes_handed_on", relays.handed_on as u64),
        (
            "unmarked_ms_peak",
            unmarked_ms_peak(history, &relays.marked_at_us),
        ),
    ]
}

impl Relays {
    fn take(&mut self, step: &Step, at_us: i64) {
        match step {
            Step::Lane(turn) => {
                let Some((lane, owner)) = turn.after.and_then(|lane| Some((lane, lane.owner?)))
                else {
                    return;
                };
                self.holders.insert(lane.token, owner);
                let before = self.owner_of_lane.insert(lane.number, owner);
                let from_another = before.is_some_and(|before| before != owner);
                self.handed_on += usize::from(from_another && owner != USURPER);
            }
            Step::Event(turn) => {
                let (Some(before), Some(after)) = (&turn.before, &turn.after) else {
                    return;
                };
                if (before.status.as_str(), after.status.as_str()) != ("processing", "published") {
                    return;
                }
                let holder = before
                    .claim_token
                    .and_then(|token| self.holders.get(&token));
                self.published.extend(holder.copied());
                if let Ok(bid) = &after.item {
                    self.marked_at_us.insert(bid.id, at_us);
                }
            }
            _ => {}
        }
    }
}

fn unmarked_ms_peak(history: &History, marked_at_us: &HashMap<Uuid, i64>) -> u64 {
    // Of several deliveries of one event the first comes out longest.
    let unmarked = history.deliveries().filter_map(|(position, delivery)| {
        let id = delivery.item.as_ref().ok()?.id;
        let marked = marked_at_us.get(&id)?;
        let delivered = history.wall_clock_us(position)?;
        u64::try_from((marked - delivered) / 1_000).ok()
    });
    unmarked.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::history::Event;
    use crate::judge::facts::Facts;
    use crate::judge::proof::story::Story;

    fn facts(story: &Story) -> [u64; 3] {
        let facts = Facts::of(&story.history());
        let names = [
            "relays_that_published",
            "lanes_handed_on",
            "unmarked_ms_peak",
        ];
        names.map(|name| facts.get(name, 1).expect("a fact"))
    }

    /// Two bids of one auction; this happens to its lane between them.
    fn between(what: fn(&mut Story, u128)) -> [u64; 3] {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        story.claim(1);
        // The first event is published by whoever claimed it.
        story.publish_first();
        what(&mut story, 1);
        story.place(2, 1, 20);
        story.finish();
        facts(&story)
    }

    #[test]
    fn whoever_draws_another_token_for_a_lane_is_another_relay_unless_it_is_the_labs() {
        assert_eq!(between(|_, _| ())[..2], [1, 0]);
        assert_eq!(between(Story::renew)[..2], [1, 0]);
        assert_eq!(between(Story::take_over)[..2], [2, 1]);
        // The lab's own relay publishes nothing; who comes after it has the lane from it.
        assert_eq!(between(Story::usurp)[..2], [2, 1]);
    }

    #[test]
    fn an_event_that_was_only_handed_back_was_not_published() {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        story.claim(1);
        story.hand_back(1);
        story.finish();
        story.drop_events(|event| match event {
            Event::Committed(commit) => commit
                .changes
                .iter()
                .any(|change| change.row.get("status") == Some(&Some("published".to_owned()))),
            _ => false,
        });
        assert_eq!(facts(&story), [0, 0, 0]);
    }

    #[test]
    fn an_event_is_unmarked_from_its_first_delivery_to_its_mark() {
        let unmarked = |late_us: i64| {
            let mut story = Story::clean();
            let history = story.history();
            let mut delivered = history.deliveries().map(|(position, _)| position);
            let at_us = |position: Option<usize>| {
                history
                    .wall_clock_us(position.expect("a delivery"))
                    .expect("a clock")
            };
            let (one, other) = (at_us(delivered.next()), at_us(delivered.next()));
            story.mark_at(1, one + 7_000);
            story.mark_at(2, other + late_us);
            story.deliver_again(2);
            facts(&story)[2]
        };
        assert_eq!(unmarked(1_000_999), 1_000);
        assert_eq!(unmarked(1_000_000), 1_000);
        assert_eq!(unmarked(999_999), 999);
        assert_eq!(unmarked(0), 7);
        let none = Story::clean();
        assert_eq!(facts(&none)[2], 0, "marked before it came");
    }
}
