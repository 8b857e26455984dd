//! Where a claim begins to look in each lane. What was claimed leaves dead entries in the index of pending events, and while
//! an old snapshot keeps them from being cleaned up, each claim would walk over all of them.
//!
//! Position order is commit order within an auction, but not across the auctions of a lane: a smaller position may become
//! visible later. So a lane's floor rises past a position `p` only when every transaction that might hold a smaller one has
//! ended. Positions are drawn in order, by transactions that have an id by then (`append` sees to it). A claim's own id is
//! drawn after its snapshot: when the snapshot shows `p`, whoever drew a smaller one has a smaller id than the claim. Once
//! no transaction below that id runs any more, the next claim sees whatever they left.
//!
//! An event below the floor can then only be one that became claimable again, and each way there is noticed: what this relay
//! hands back, and what another owner left in flight, comes with a new token; what was requeued or is no longer held comes
//! with the lane's count of recalls.

use std::collections::BTreeMap;

use sqlx::FromRow;

use crate::outbox::lanes::Held;

/// What a claim saw beside its events, in the same snapshot.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Sight {
    /// The claim's own transaction id.
    pub horizon: i64,
    /// No transaction below it runs any more.
    pub oldest_running: i64,
    /// Nothing more was there.
    pub exhausted: bool,
    /// The lanes that were looked into, one bit each: not one that is given up, or under another token.
    pub looked_into: i64,
    /// The last lane in which something was due.
    pub last_lane: Option<i16>,
    /// Lanes that were recalled since the last look,
    pub recalled: Vec<i16>,
    /// and how often by now.
    pub recalls: Vec<i64>,
}

impl Sight {
    /// A lane was recalled so late that it could not be looked into.
    pub fn passed_by(&self) -> bool {
        let looked_into = |lane: &i16| self.looked_into & (1 << lane) != 0;
        !self.recalled.iter().all(looked_into)
    }
}

/// A relay's lanes, and the lowest position at which a claimable event of each can be.
#[derive(Debug, Default)]
pub struct Frontier {
    lanes: BTreeMap<i16, Edge>,
    /// The lane whose turn it is.
    next: i16,
}

#[derive(Debug)]
struct Edge {
    token: i64,
    recalls: i64,
    floor: i64,
    candidate: Option<Candidate>,
}

/// A position that becomes the floor when no transaction below `horizon` runs any more.
#[derive(Debug)]
struct Candidate {
    position: i64,
    horizon: i64,
}

impl Edge {
    fn unseen(token: i64, recalls: i64) -> Self {
        Self {
            token,
            recalls,
            floor: 0,
            candidate: None,
        }
    }
}

/// The lanes in the order of their turns, as the statement takes them.
#[derive(Debug, Default)]
pub(super) struct InTurn {
    pub lanes: Vec<i16>,
    pub tokens: Vec<i64>,
    pub recalls: Vec<i64>,
    pub floors: Vec<i64>,
}

impl Frontier {
    /// What this relay owns. A lane under a token that is not known yet begins at its beginning.
    pub fn own(&mut self, held: &[Held]) {
        for lane in held {
            let known = self.lanes.get(&lane.lane);
            if known.is_none_or(|edge| edge.token < lane.token) {
                let edge = Edge::unseen(lane.token, lane.recalls);
                self.lanes.insert(lane.lane, edge);
            }
        }
    }

    pub(super) fn in_turn(&self) -> InTurn {
        let mut known = InTurn::default();
        let (later, first) = (self.lanes.range(self.next..), self.lanes.range(..self.next));
        for (lane, edge) in later.chain(first) {
            known.lanes.push(*lane);
            known.tokens.push(edge.token);
            known.recalls.push(edge.recalls);
            known.floors.push(edge.floor);
        }
        known
    }

    /// A claim went through the lanes `in_turn`, saw `sight`, and took events at the places `reached`, in increasing order.
    pub(super) fn learn(
        &mut self,
        sight: &Sight,
        in_turn: &[i16],
        reached: impl Iterator<Item = (i16, i64)>,
    ) {
        for (lane, recalls) in sight.recalled.iter().zip(&sight.recalls) {
            if let Some(edge) = self.lanes.get_mut(lane) {
                *edge = Edge::unseen(edge.token, *recalls);
            }
        }
        let last: BTreeMap<i16, i64> = reached.collect();
        let touched = in_turn.iter().rposition(|lane| last.contains_key(lane));
        for (turn, lane) in in_turn.iter().enumerate() {
            let Some(edge) = self.lanes.get_mut(lane) else {
                continue;
            };
            // What was not looked into may hold anything.
            if sight.looked_into & (1 << lane) == 0 {
                continue;
            }
            // Lanes before the last one that gave something were looked through to their ends.
            let through = sight.exhausted || touched.is_some_and(|touched| turn < touched);
            let last = last.get(lane).copied();
            let ready = edge.candidate.take_if(|candidate| {
                sight.oldest_running >= candidate.horizon
                    && (through || last.is_some_and(|last| last >= candidate.position))
            });
            if let Some(ready) = ready {
                edge.floor = ready.position + 1;
            }
            if let Some(position) = last {
                edge.candidate.get_or_insert(Candidate {
                    position,
                    horizon: sight.horizon,
                });
            }
        }
        if let Some(last) = sight.last_lane.filter(|_| !sight.exhausted) {
            self.next = last.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: [i16; 2] = [3, 5];

    fn quiet(now: i64) -> Sight {
        Sight {
            horizon: now,
            oldest_running: now,
            exhausted: true,
            looked_into: LANES.iter().fold(0, |lanes, lane| lanes | 1 << lane),
            last_lane: None,
            recalled: Vec::new(),
            recalls: Vec::new(),
        }
    }

    /// A window that was full in `lane`.
    fn full(now: i64, lane: i16) -> Sight {
        Sight {
            exhausted: false,
            last_lane: Some(lane),
            ..quiet(now)
        }
    }

    fn held(token: i64) -> Vec<Held> {
        let held = |lane| Held {
            lane,
            token,
            recalls: 0,
        };
        LANES.map(held).to_vec()
    }

    fn floors(frontier: &Frontier) -> Vec<i64> {
        frontier.lanes.values().map(|edge| edge.floor).collect()
    }

    /// Floors at 101 and 0, with all known transactions below 12 ended.
    fn raised() -> Frontier {
        let mut frontier = Frontier::default();
        frontier.own(&held(1));
        frontier.learn(&quiet(10), &LANES, [(3, 100)].into_iter());
        assert_eq!(floors(&frontier), [0, 0]);
        frontier.learn(&quiet(12), &LANES, [].into_iter());
        assert_eq!(floors(&frontier), [101, 0]);
        frontier
    }

    #[test]
    fn a_floor_rises_when_every_transaction_from_before_has_ended() {
        raised();
    }

    #[test]
    fn it_stays_until_the_last_of_them_has_ended() {
        for (oldest_running, floor) in [(9, 0), (10, 101)] {
            let mut frontier = Frontier::default();
            frontier.own(&held(1));
            frontier.learn(&quiet(10), &LANES, [(3, 100)].into_iter());
            let running = Sight {
                oldest_running,
                ..quiet(12)
            };
            frontier.learn(&running, &LANES, [(3, 200)].into_iter());
            assert_eq!(floors(&frontier), [floor, 0], "{oldest_running} runs");
        }
    }

    #[test]
    fn it_stays_when_a_full_window_did_not_get_that_far() {
        let mut frontier = Frontier::default();
        frontier.own(&held(1));
        frontier.learn(&full(10, 5), &LANES, [(3, 90), (5, 100)].into_iter());
        frontier.learn(&full(12, 3), &LANES, [(3, 95)].into_iter());
        assert_eq!(floors(&frontier), [91, 0]);
        frontier.learn(&full(14, 5), &LANES, [(5, 101)].into_iter());
        assert_eq!(
            floors(&frontier),
            [96, 101],
            "lane 3 was looked through before 5"
        );
    }

    #[test]
    fn it_falls_when_the_lane_comes_under_a_new_token() {
        let mut frontier = raised();
        frontier.own(&held(2));
        assert_eq!(floors(&frontier), [0, 0]);
    }

    #[test]
    fn an_answer_from_before_a_new_token_changes_nothing() {
        let mut frontier = raised();
        frontier.own(&held(0));
        assert_eq!(floors(&frontier), [101, 0]);
        assert_eq!(frontier.in_turn().tokens, [1, 1]);
    }

    #[test]
    fn it_falls_when_the_lane_is_recalled_and_nothing_is_learned_from_a_look_before_that() {
        let mut frontier = raised();
        let recalled = Sight {
            looked_into: 1 << 5,
            recalled: vec![3],
            recalls: vec![7],
            ..quiet(14)
        };
        frontier.learn(&recalled, &LANES, [(5, 300)].into_iter());
        assert!(recalled.passed_by());
        assert_eq!(floors(&frontier), [0, 0]);
        assert_eq!(frontier.in_turn().recalls, [7, 0]);
        frontier.learn(&quiet(16), &LANES, [].into_iter());
        assert_eq!(floors(&frontier), [0, 301]);
    }

    #[test]
    fn nothing_is_learned_of_a_lane_that_was_not_looked_into() {
        let mut frontier = Frontier::default();
        frontier.own(&held(1));
        frontier.learn(&quiet(10), &LANES, [(3, 100)].into_iter());
        let draining = Sight {
            looked_into: 1 << 5,
            ..quiet(12)
        };
        frontier.learn(&draining, &LANES, [].into_iter());
        assert_eq!(floors(&frontier), [0, 0], "it may be taken up again");
    }

    #[test]
    fn after_a_full_window_it_is_the_next_lane_s_turn() {
        let mut frontier = Frontier::default();
        frontier.own(&held(1));
        assert_eq!(frontier.in_turn().lanes, [3, 5]);
        frontier.learn(&full(10, 3), &LANES, [(3, 100)].into_iter());
        assert_eq!(frontier.in_turn().lanes, [5, 3]);
        frontier.learn(&full(12, 5), &[5, 3], [].into_iter());
        assert_eq!(frontier.in_turn().lanes, [3, 5]);
    }
}
