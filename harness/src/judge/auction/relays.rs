//! What the ledger shows of relays. Of a run that was only sampled nothing of this is measured.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::replay::{Replay, Step};
use crate::history::History;

/// The lab's own relay takes lanes, too, and is none.
const USURPER: Uuid = Uuid::max();

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
    let mut first = BTreeSet::new();
    let unmarked = history.deliveries().filter_map(|(position, delivery)| {
        let id = delivery.item.as_ref().ok()?.id;
        let marked = marked_at_us.get(&id).filter(|_| first.insert(id))?;
        let delivered = history.wall_clock_us(position)?;
        u64::try_from((marked - delivered) / 1_000).ok()
    });
    unmarked.max().unwrap_or(0)
}
