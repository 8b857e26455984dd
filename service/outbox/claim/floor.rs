//! Where a claim begins to look. What was claimed leaves dead entries in the index of pending events, and while an old
//! snapshot keeps them from being cleaned up, each claim would walk over all of them.
//!
//! Position order is commit order within an auction, but not across auctions: a smaller position may become visible later.
//! So the floor rises to a position `p` only when every transaction that might hold a smaller one has ended. Positions are
//! drawn in order, by transactions that have an id by then (`append` sees to it): when `p` is visible, those
//! ids are all below the snapshot's `xmax`, and once the oldest running id has reached that, the next claim has seen
//! whatever they left. An event below the floor can then only be one that became pending again, and each way there is
//! noticed: an event that backs off, fails, or is put back *holds* its auction until it is claimed; an event that another
//! owner left in flight comes with a lane under a new token; a lane that was draining and is taken up again was not looked
//! into in between; what this relay hands back ends its session, and the floor with it.

use std::time::{Duration, Instant};

use super::Sight;

/// The whole index is walked so often all the same: an event that somebody else's lock hid must not wait for ever.
const FROM_THE_BOTTOM_EACH: Duration = Duration::from_secs(5);

/// The lowest position at which a relay's pending events can be.
#[derive(Debug)]
pub struct Floor {
    pub(super) position: i64,
    /// The lanes for which it holds, one bit each.
    pub(super) lanes: i64,
    /// The newest token among them.
    pub(super) newest_token: i64,
    next: Option<Candidate>,
    since: Instant,
}

/// A position that becomes the floor when no transaction below `horizon` runs any more.
#[derive(Debug)]
struct Candidate {
    position: i64,
    horizon: i64,
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            position: 0,
            lanes: 0,
            newest_token: 0,
            next: None,
            since: Instant::now(),
        }
    }
}

impl Floor {
    /// A claim from this floor saw `sight`, took everything up to position `last`, and `everything` there was or not.
    pub(super) fn learn(&mut self, sight: Sight, last: i64, everything: bool) {
        let lanes_won = sight.newest_token > self.newest_token || sight.lanes & !self.lanes != 0;
        if sight.holding || lanes_won || self.since.elapsed() > FROM_THE_BOTTOM_EACH {
            *self = Self {
                newest_token: sight.newest_token,
                ..Self::default()
            };
        }
        // A lane that was not looked into now is no longer covered.
        self.lanes = sight.lanes;
        if sight.holding {
            return;
        }
        let ready = self.next.take_if(|next| {
            sight.oldest_running >= next.horizon && (everything || last >= next.position)
        });
        if let Some(next) = ready {
            self.position = next.position + 1;
        }
        self.next.get_or_insert(Candidate {
            position: last,
            horizon: sight.next_to_run,
        });
    }
}

impl Floor {
    /// A claim from this floor saw nothing. While nothing comes, nothing is learned either, and what the floor may hide
    /// must be found all the same.
    pub(super) fn saw_nothing(&mut self) {
        if self.since.elapsed() > FROM_THE_BOTTOM_EACH {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(now: i64) -> Sight {
        Sight {
            holding: false,
            lanes: 0b111,
            newest_token: 1,
            oldest_running: now,
            next_to_run: now,
        }
    }

    /// A floor at 101, with all known transactions below 12 ended.
    fn raised() -> Floor {
        let mut floor = Floor::default();
        floor.learn(quiet(10), 100, false);
        assert_eq!(floor.position, 0);
        floor.learn(quiet(12), 200, false);
        assert_eq!(floor.position, 101);
        floor
    }

    #[test]
    fn it_rises_when_every_transaction_from_before_has_ended() {
        raised();
    }

    #[test]
    fn it_stays_while_one_of_them_runs() {
        let mut floor = Floor::default();
        floor.learn(quiet(10), 100, false);
        let running = Sight {
            oldest_running: 9,
            ..quiet(12)
        };
        floor.learn(running, 200, false);
        assert_eq!(floor.position, 0);
    }

    #[test]
    fn it_stays_when_the_claim_did_not_get_that_far() {
        let mut floor = Floor::default();
        floor.learn(quiet(10), 100, false);
        floor.learn(quiet(12), 90, false);
        assert_eq!(floor.position, 0);
        floor.learn(quiet(12), 95, true);
        assert_eq!(floor.position, 101);
    }

    #[test]
    fn it_falls_when_an_event_holds_its_auction_back() {
        let mut floor = raised();
        let holding = Sight {
            holding: true,
            ..quiet(14)
        };
        floor.learn(holding, 300, false);
        assert_eq!(floor.position, 0);
        floor.learn(quiet(16), 400, false);
        assert_eq!(floor.position, 0, "what was passed over may be anywhere");
    }

    #[test]
    fn it_falls_when_a_lane_is_won() {
        let mut floor = raised();
        let won = Sight {
            newest_token: 2,
            ..quiet(14)
        };
        floor.learn(won, 300, false);
        assert_eq!((floor.position, floor.newest_token), (0, 2));
    }

    #[test]
    fn it_falls_after_a_while_even_if_nothing_comes() {
        let mut floor = raised();
        floor.saw_nothing();
        assert_eq!(floor.position, 101);
        floor.since -= FROM_THE_BOTTOM_EACH + Duration::from_millis(1);
        floor.saw_nothing();
        assert_eq!(floor.position, 0);
    }

    #[test]
    fn it_falls_when_a_draining_lane_is_taken_up_again() {
        let mut floor = raised();
        let draining = Sight {
            lanes: 0b011,
            ..quiet(14)
        };
        floor.learn(draining, 300, false);
        assert_eq!(floor.position, 201, "the other lanes were looked into");
        floor.learn(quiet(16), 400, false);
        assert_eq!(floor.position, 0);
    }
}
