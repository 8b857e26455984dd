//! When the broker returned or refused something, by the relay's own count. A relay sends windows one behind the other, and
//! an event that comes back is overtaken by what was on its way with it: the one inversion that is promised to be possible.

use std::collections::BTreeMap;

use crate::history::{Event, History};

/// What counts as a rejection.
const REJECTED: [&str; 2] = ["relay_returned_total", "relay_nacked_total"];
/// A count is read some time after what it counts.
const BEFORE_US: u64 = 1_000_000;

/// Spans of the run's clock, in microseconds, in which something was rejected.
#[derive(Debug, Default)]
pub(super) struct Rejections(pub(super) Vec<(u64, u64)>);

impl Rejections {
    pub fn of(history: &History) -> Self {
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
        Self(spans)
    }

    /// Whether something was rejected about the time when one event overtook another.
    pub fn explain(&self, overtook_us: u64, came_us: u64) -> bool {
        let explains = |(from, to): &(u64, u64)| {
            *from <= came_us && to.saturating_add(BEFORE_US) >= overtook_us
        };
        self.0.iter().any(explains)
    }
}
