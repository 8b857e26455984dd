//! Every answer is true: what it says was so at some instant between question and answer.
//!
//! Rules of the contract: 201 for a new bid and 200 for the same bid again, 409 for a `id` with other content,
//! a bid is too low only against a bid or price that was there, an auction is closed only if it is.

use std::collections::{HashMap, HashSet};

use super::bid::Bid;
use super::refusal::Refusal;
use super::terms::Auctions;
use crate::history::{History, Key, Last, Op, Outcome};
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let court = Court {
        history,
        auctions: Auctions::of(history)?,
        last: last(history)?,
        stored: highest_so_far(history, last(history)?),
    };
    let mut inquiry = Inquiry::new("http_truth");
    let mut created = HashSet::new();
    let mut answers = 0;
    for (number, op) in history.ops() {
        let Some((answered, outcome)) = &op.completed else {
            continue;
        };
        answers += 1;
        let objection = match outcome {
            Outcome::Accepted {
                status, content, ..
            } => {
                let new = *status != Some(201) || created.insert(op.asked.id);
                court.acceptance(op, *status, content.amount(), new)
            }
            Outcome::Refused { status, .. } => {
                court.refusal(op, *answered, *status, Refusal::of(outcome))
            }
            Outcome::Unknown { status, .. } => status
                .is_some_and(|status| status >= 500 && status != 503)
                .then_some("answers 5xx other than 503"),
            Outcome::Nonsense { .. } => Some("answers that make no sense"),
        };
        if let Some(what) = objection {
            inquiry.fail(
                what,
                format!("op {number}: {:?} was answered {outcome:?}", op.asked),
            );
        }
    }
    Ok(inquiry.conclude(answers, "answers"))
}

/// So much earlier than the history says an auction may close: creating it may have taken so long.
const TOLERANCE_US: u64 = 1_000_000;

struct Court<'h> {
    history: &'h History,
    auctions: Auctions<'h>,
    last: Last<'h>,
    stored: HashMap<Key, Vec<(usize, i64)>>,
}

/// Per auction, over the bids that are stored: from which position on which amount could have been the highest.
fn highest_so_far(history: &History, last: Last<'_>) -> HashMap<Key, Vec<(usize, i64)>> {
    let mut by_auction: HashMap<Key, Vec<(usize, i64)>> = HashMap::new();
    for row in &last.tables.stored {
        let asked = history.ops_of(row.id).find(|(_, op)| op.asked.is(row));
        if let Some((_, op)) = asked {
            let bids = by_auction.entry(row.key).or_default();
            bids.push((op.invoked, row.amount()));
        }
    }
    for bids in by_auction.values_mut() {
        bids.sort_unstable();
        let mut highest = i64::MIN;
        for (_, amount) in bids {
            highest = highest.max(*amount);
            *amount = highest;
        }
    }
    by_auction
}

impl Court<'_> {
    fn acceptance(
        &self,
        op: &Op,
        status: Option<u16>,
        amount: i64,
        new: bool,
    ) -> Option<&'static str> {
        let terms = self.auctions.get(op.asked.key);
        let mut others = self.history.ops_of(op.asked.id);
        if !matches!(status, Some(200 | 201)) {
            Some("acceptances that are neither 200 nor 201")
        } else if !new {
            Some("bids created twice")
        } else if amount != op.asked.amount() {
            Some("acceptances with another amount than asked")
        } else if terms.is_some_and(|terms| terms.closed) {
            Some("bids accepted on a closed auction")
        } else if others.any(|(_, other)| other.is_accepted() && other.asked != op.asked) {
            Some("bid_ids accepted with two contents")
        } else {
            None
        }
    }

    fn refusal(
        &self,
        op: &Op,
        answered: usize,
        status: Option<u16>,
        refusal: Option<Refusal>,
    ) -> Option<&'static str> {
        let accepted_before = |other: &Op| {
            let done = other
                .completed
                .as_ref()
                .is_some_and(|(done, _)| *done < op.invoked);
            done && other.is_accepted() && other.asked == op.asked
        };
        if self
            .history
            .ops_of(op.asked.id)
            .any(|(_, other)| accepted_before(other))
        {
            return Some("bids refused that were accepted before");
        }
        let refusal = refusal?;
        let right = match refusal {
            Refusal::Conflict => Some(409),
            Refusal::TooLow | Refusal::Closed => Some(422),
            Refusal::Unexpected => status,
        };
        if status != right {
            return Some("refusals with another status than their code's");
        }
        match refusal {
            Refusal::TooLow => (!self.could_be_too_low(op, answered))
                .then_some("bids called too low that were not"),
            Refusal::Conflict => {
                (!self.could_conflict(op, answered)).then_some("conflicts with nothing")
            }
            Refusal::Closed => {
                let terms = self.auctions.get(op.asked.key);
                let closed =
                    terms.is_some_and(|terms| terms.closed || self.may_be_closed(op, answered));
                (!closed).then_some("open auctions called closed")
            }
            Refusal::Unexpected => Some("refusals that no well-formed bid earns"),
        }
    }

    /// Whether an auction that closes during the run can have been closed before this answer.
    fn may_be_closed(&self, op: &Op, answered: usize) -> bool {
        let answered_at = self.history.entries()[answered].at_us;
        let closes_at = self.auctions.closes_at(op.asked.key);
        closes_at.is_some_and(|closes_at| {
            answered_at + TOLERANCE_US >= closes_at && !self.was_open_later(op, answered)
        })
    }

    /// Whether the auction took a bid that was only sent after this answer.
    fn was_open_later(&self, op: &Op, answered: usize) -> bool {
        self.history.ops().values().any(|other| {
            let first = self.history.ops_of(other.asked.id).next();
            other.is_accepted()
                && other.asked.key == op.asked.key
                && first.is_some_and(|(_, first)| first.invoked > answered)
        })
    }

    /// Rows are never deleted, so what was there then is there at the end. Between equal amounts the bid's own row
    /// explains nothing: the same bid again earns 200.
    fn could_be_too_low(&self, op: &Op, answered: usize) -> bool {
        let bid = &op.asked;
        let price = self.auctions.get(bid.key).map(|terms| terms.starting_price);
        if price.is_some_and(|price| price > bid.amount()) {
            return true;
        }
        let bids = self.stored.get(&bid.key).map_or(&[][..], Vec::as_slice);
        let before = bids.partition_point(|(invoked, _)| *invoked < answered);
        let highest = bids[..before].last().map(|(_, amount)| *amount);
        let own = self.last.stored(bid.id).is_some_and(|row| bid.is(row));
        highest.is_some_and(|highest| highest > bid.amount() || (highest == bid.amount() && !own))
    }

    fn could_conflict(&self, op: &Op, answered: usize) -> bool {
        let Some(row) = self
            .last
            .stored(op.asked.id)
            .filter(|row| !op.asked.is(row))
        else {
            return false;
        };
        let mut others = self.history.ops_of(op.asked.id);
        others.any(|(_, other)| other.invoked < answered && other.asked.is(row))
    }
}

#[cfg(test)]
mod tests;
