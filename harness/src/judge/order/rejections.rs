//! What the broker returned or refused: when, by the relay's own count, and of which operations, where the taps have heard it. A
//! relay sends windows one behind the other, and an event that comes back is overtaken by what was on its way with it: the one
//! inversion that is promised to be possible.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::history::{Event, History};
use crate::judge::{basis::Unjudgeable, struck::Struck};

/// What counts as a rejection.
const REJECTED: [&str; 2] = ["relay_returned_total", "relay_nacked_total"];
/// A count is read some time after what it counts.
const BEFORE_US: u64 = 1_000_000;

/// Where the broker's answers to relays are heard.
const ANSWERED: &str = "relay -> rabbitmq";

/// What was rejected.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    /// In which spans of the run's clock, in microseconds.
    pub(super) spans: Vec<(u64, u64)>,
    /// Of which operations it was heard first where; none where no answer was heard.
    pub(super) heard: Option<BTreeMap<Uuid, usize>>,
}

impl Rejections {
    pub fn of(history: &History) -> Result<Self, Unjudgeable> {
        let mut seen: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let mut spans = Vec::new();
        for entry in history.entries() {
            let Event::Counted { process, counters } = &entry.event else {
                continue;
            };
            let rejected = REJECTED.iter().filter_map(|name| counters.get(*name)).sum();
            let (count, at_us) = seen.entry(process).or_default();
            if rejected > *count {
                spans.push((*at_us, entry.at_us));
            }
            (*count, *at_us) = (rejected, entry.at_us);
        }
        Ok(Self {
            spans,
            heard: heard(history)?,
        })
    }

    /// Whether an operation that came too late had been rejected before it came, as far as anybody heard.
    pub fn may_be_of(&self, id: Uuid, came: usize) -> bool {
        let Some(heard) = &self.heard else {
            return true;
        };
        heard.get(&id).is_some_and(|rejected| *rejected < came)
    }

    /// Whether something was rejected about the time when one event overtook another.
    pub fn explain(&self, overtook_us: u64, came_us: u64) -> bool {
        let explains = |(from, to): &(u64, u64)| {
            *from <= came_us && to.saturating_add(BEFORE_US) >= overtook_us
        };
        self.spans.iter().any(explains)
    }
}

/// Nacks and returns, and confirms of which a fault may have made a nack.
fn heard(history: &History) -> Result<Option<BTreeMap<Uuid, usize>>, Unjudgeable> {
    let struck = Struck::of(history)?;
    let (mut answers, mut rejected) = (false, BTreeMap::new());
    for passing in history.passing().filter(|one| one.edge == ANSWERED) {
        let rejects = match passing.what {
            "confirm" => passing.struck && struck.may_refuse(passing.by, passing.what),
            "nack" | "return" => true,
            _ => continue,
        };
        answers = true;
        for id in passing.ops.iter().filter(|_| rejects) {
            rejected.entry(*id).or_insert(passing.position);
        }
    }
    Ok(answers.then_some(rejected))
}
