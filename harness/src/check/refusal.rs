//! What a client was told is not stored is not stored, unless another request for the same bid may have stored it.

use super::inquiry::Inquiry;
use super::{Unjudgeable, last};
use crate::history::{BidAsked, BidRow, History, Outcome};
use crate::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("refusal");
    for (number, op) in history.ops() {
        if !matches!(op.outcome(), Some(Outcome::Refused { .. })) {
            continue;
        }
        inquiry.count("refused requests", 1);
        let Some(row) = last.bid(op.bid.bid_id).filter(|row| same(row, &op.bid)) else {
            continue;
        };
        let others = history
            .ops_of(op.bid.bid_id)
            .filter(|(other, _)| other != number);
        let explained = others
            .into_iter()
            .any(|(_, other)| same(row, &other.bid) && (other.is_accepted() || other.is_unknown()));
        if !explained {
            let example = format!(
                "op {number}: bid {} was refused and is stored",
                op.bid.bid_id
            );
            inquiry.fail("refused bids that are stored", example);
        }
    }
    // The promise is about every request: none that was refused is stored. A run without refusals keeps it.
    Ok(inquiry.conclude(history.ops().len(), "requests"))
}

/// Whether the row is what was asked for.
pub(super) fn same(row: &BidRow, bid: &BidAsked) -> bool {
    (row.auction_id, &row.user_id, row.amount) == (bid.auction_id, &bid.user_id, bid.amount)
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, verdict};
    use super::*;
    use crate::verdict::Verdict;

    fn refused_and_stored() -> Story {
        let mut story = Story::new();
        story.auction(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.store(2, 1, 20);
        story.refuse(op, 422, "bid_too_low");
        story
    }

    #[test]
    fn a_refused_bid_that_is_stored_fails() {
        let mut story = refused_and_stored();
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn a_copy_that_timed_out_may_have_stored_it() {
        let mut story = refused_and_stored();
        let copy = story.ask(2, 1, 20);
        story.times_out(copy);
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn a_conflicting_copy_is_not_what_is_stored() {
        let mut story = Story::new();
        story.auction(1);
        story.place(1, 1, 10);
        let op = story.ask(1, 1, 99);
        story.refuse(op, 409, "bid_conflict");
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
