//! Who may publish, by the ledger: a lane changes hands only with a greater token, and only after its lease has ended or it
//! was given up; an event is in flight under its lane's token, and changes its status in no other way than the outbox knows.
//!
//! Exact, because whoever takes a lane or claims from it holds the lane's row until the commit: the lane as it was committed
//! before is the lane that was seen. One thing is inexact, in the relay's favour. A lease is compared with the clock inside
//! the statement that takes the lane, and the ledger knows the time of the commit, which is later: a lease that ended between
//! the two was alive when its lane was taken, and nothing is said.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::ask::auction::harm::USURPER;
use crate::history::{History, LedgerState};
use crate::judge::auction::replay::{Lane, OutboxEvent, Replay, Step, Told};
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    last(history)?;
    if let LedgerState::Sampled(why) = history.ledger() {
        return Err(Unjudgeable::Sampled(why.to_owned()));
    }
    let mut inquiry = Inquiry::new("ownership");
    let told = Replay::of(history)?.unwrap_or_default().told;
    let mut lanes = Lanes::default();
    for told in &told {
        lanes.judge(&mut inquiry, told);
    }
    inquiry.count("lanes taken", lanes.taken);
    inquiry.count("events claimed", lanes.claimed);
    Ok(inquiry.conclude(told.len(), "commits"))
}

/// The lanes as they were last committed.
#[derive(Default)]
struct Lanes {
    held: HashMap<i16, Held>,
    /// Lanes that changed hands in the commit that is looked at.
    taken_now: HashSet<i16>,
    taken: usize,
    claimed: usize,
}

/// A lane and who drew its token.
#[derive(Clone, Copy)]
struct Held {
    lane: Lane,
    holder: Option<Uuid>,
}

impl Lanes {
    fn of(&self, number: i16) -> Held {
        let free = Held {
            lane: Lane::FREE,
            holder: None,
        };
        self.held.get(&number).copied().unwrap_or(free)
    }

    fn judge(&mut self, inquiry: &mut Inquiry, told: &Told<'_>) {
        let Told { commit, steps } = told;
        self.taken_now.clear();
        let mut say = |what, example: String| {
            inquiry.fail(what, format!("transaction {}: {example}", commit.xid));
        };
        for step in steps {
            match step {
                Step::Lane(turn) => {
                    if let Some(after) = turn.after {
                        let before = turn.before.unwrap_or(Lane::FREE);
                        self.lane(before, after, commit.committed_at_us, &mut say);
                    }
                }
                Step::Event(turn) => {
                    if let Some(after) = &turn.after {
                        self.event(turn.before.as_ref(), after, &mut say);
                    }
                }
                _ => {}
            }
        }
    }

    fn lane(
        &mut self,
        before: Lane,
        after: Lane,
        now_us: i64,
        say: &mut impl FnMut(&'static str, String),
    ) {
        let number = after.number;
        if after.token < before.token {
            let example = format!(
                "lane {number} from token {} to {}",
                before.token, after.token
            );
            say("tokens that went back", example);
        }
        let changed = after.owner.filter(|owner| before.owner != Some(*owner));
        if let Some(owner) = changed {
            self.taken += 1;
            self.taken_now.insert(number);
            if after.token <= before.token {
                let example = format!("lane {number} to {owner} with the token {}", after.token);
                say("lanes that changed hands without a greater token", example);
            }
            let alive_us = before.lease_until_us.saturating_sub(now_us);
            if let Some(from) = before.owner
                && alive_us > 0
                && owner != USURPER
            {
                let example = format!(
                    "lane {number} from {from} to {owner}, {alive_us} us before the lease ended"
                );
                say("lanes taken from a living lease", example);
            }
        }
        let drawn = after.token != before.token || changed.is_some();
        let holder = match drawn {
            true => after.owner,
            false => self.of(number).holder,
        };
        let lane = after;
        self.held.insert(number, Held { lane, holder });
    }

    fn event(
        &mut self,
        before: Option<&OutboxEvent>,
        after: &OutboxEvent,
        say: &mut impl FnMut(&'static str, String),
    ) {
        let id = after.id;
        let Some(before) = before else {
            if after.status != "pending" {
                say(
                    "events that did not begin pending",
                    format!("event {id} began {}", after.status),
                );
            }
            return;
        };
        let Held { lane, holder } = self.of(after.lane);
        let newly = before.status != "processing" || before.claim_token != after.claim_token;
        let claimed = after.status == "processing" && newly;
        if claimed {
            self.claimed += 1;
            self.claim(before, after, say);
            return;
        }
        if before.status == after.status {
            return;
        }
        let turn = (before.status.as_str(), after.status.as_str());
        let legal = matches!(
            turn,
            ("processing", "published" | "failed" | "pending") | ("failed", "pending")
        );
        if !legal {
            let example = format!("event {id} from {} to {}", turn.0, turn.1);
            say(
                "events that changed their status in no way that the outbox knows",
                example,
            );
            return;
        }
        if before.status != "processing" {
            return;
        }
        let current = before.claim_token == Some(lane.token);
        let by_nobody = current && holder == Some(USURPER);
        // What is handed back, or given up at a takeover, has the token of before; what is written back has the lane's.
        let handed_back = match after.status.as_str() {
            "pending" => true,
            "failed" => self.taken_now.contains(&after.lane),
            _ => false,
        };
        let stale = !current && !handed_back;
        if by_nobody || stale {
            let example = format!(
                "event {id} to {} under the token {:?}; lane {} has {}, drawn by {holder:?}",
                after.status, before.claim_token, after.lane, lane.token
            );
            say(
                "events written back by a relay that does not own them",
                example,
            );
        }
    }

    fn claim(
        &self,
        before: &OutboxEvent,
        after: &OutboxEvent,
        say: &mut impl FnMut(&'static str, String),
    ) {
        let (id, lane) = (after.id, self.of(after.lane).lane);
        if !matches!(before.status.as_str(), "pending" | "processing") {
            let example = format!("event {id} from {} to processing", before.status);
            say(
                "events that changed their status in no way that the outbox knows",
                example,
            );
        }
        if lane.owner.is_none() {
            let example = format!("event {id} in lane {}", after.lane);
            say("events claimed from a lane that nobody owns", example);
        } else if after.claim_token != Some(lane.token) {
            let example = format!(
                "event {id} with the token {:?}; lane {} has {}",
                after.claim_token, after.lane, lane.token
            );
            say(
                "events claimed with another token than their lane's",
                example,
            );
        } else if lane.draining {
            let example = format!("event {id} in lane {}", after.lane);
            say("events claimed from a lane that is being given up", example);
        }
    }
}

#[cfg(test)]
mod tests;
