//! What this relay owns, and until when.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use crate::outbox::lanes::Held;

/// The lanes that are known to be ours, and until when, by this process's monotonic clock. It goes on counting while the
/// process is frozen, so that a relay that wakes up late knows it.
#[derive(Debug, Default)]
pub(super) struct Lease(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    until: Option<Instant>,
    lanes: BTreeMap<i16, Held>,
}

impl Lease {
    /// Whether the lease is good for at least `span` from now.
    pub fn outlasts(&self, span: Duration) -> bool {
        let until = self.known().until;
        until.is_some_and(|until| Instant::now() + span < until)
    }

    /// The lanes and their tokens.
    pub fn held(&self) -> Vec<Held> {
        self.known().lanes.values().copied().collect()
    }

    /// Whether a lane is ours.
    pub fn covers(&self, lane: i16) -> bool {
        self.known().lanes.contains_key(&lane)
    }

    /// A beat was answered: these lanes are ours, and no others. It may be older than a rewind, but only a beat changes
    /// which lanes are ours, and tokens only grow: the greater one is the newer.
    pub fn renewed(&self, until: Instant, held: &[Held]) {
        let mut known = self.known();
        known.until = Some(until);
        let before = std::mem::take(&mut known.lanes);
        for lane in held {
            let newest = before
                .get(&lane.lane)
                .filter(|before| before.token > lane.token);
            known.lanes.insert(lane.lane, *newest.unwrap_or(lane));
        }
    }

    /// A rewind was answered: our lanes have these tokens.
    pub fn rewound(&self, held: &[Held]) {
        let mut known = self.known();
        for lane in held {
            let entry = known.lanes.entry(lane.lane).or_insert(*lane);
            if entry.token < lane.token {
                *entry = *lane;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0
            .lock()
            .expect("never poisoned: no code panics under this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(lane: i16, token: i64) -> Held {
        Held {
            lane,
            token,
            recalls: 0,
        }
    }

    #[test]
    fn a_beat_that_is_older_than_a_rewind_brings_no_old_token_back() {
        let lease = Lease::default();
        lease.renewed(Instant::now(), &[held(1, 10), held(2, 11)]);
        lease.rewound(&[held(1, 20), held(2, 21)]);
        lease.renewed(Instant::now(), &[held(1, 10), held(3, 15)]);
        assert_eq!(lease.held(), [held(1, 20), held(3, 15)]);
        assert!(lease.covers(3) && !lease.covers(2));
    }

    #[test]
    fn what_was_never_renewed_outlasts_nothing() {
        let lease = Lease::default();
        assert!(!lease.outlasts(Duration::ZERO));
        lease.renewed(Instant::now() + Duration::from_secs(60), &[]);
        assert!(lease.outlasts(Duration::from_secs(30)));
        assert!(!lease.outlasts(Duration::from_secs(90)));
    }
}
