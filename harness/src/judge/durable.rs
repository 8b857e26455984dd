//! What a client was told is stored is stored: the same content at the same place (Jepsen's "acknowledged, not lost").

use crate::history::{History, Outcome};
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("durable");
    let mut accepted = 0;
    for (number, op) in history.ops() {
        let Some(Outcome::Accepted { sequence, .. }) = op.outcome() else {
            continue;
        };
        accepted += 1;
        let bid = &op.bid;
        let Some(row) = last.bid(bid.bid_id) else {
            let example = format!(
                "op {number}: bid {} was accepted and has no row",
                bid.bid_id
            );
            inquiry.fail("accepted bids that are not stored", example);
            continue;
        };
        if (row.auction_id, &row.user_id, row.amount) != (bid.auction_id, &bid.user_id, bid.amount)
        {
            let example = format!("op {number}: asked {bid:?}, stored {row:?}");
            inquiry.fail("accepted bids that are stored with other content", example);
        } else if row.sequence != *sequence {
            let example = format!(
                "op {number}: bid {} was accepted at place {sequence} and stored at {}",
                bid.bid_id, row.sequence
            );
            inquiry.fail("accepted bids that are stored at another place", example);
        }
    }
    Ok(inquiry.conclude(accepted, "accepted bids"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn an_accepted_bid_without_a_row_fails() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.bids.retain(|row| row.bid_id != Story::bid_id(2)));
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn an_unknown_bid_may_be_stored_or_not() {
        let mut story = Story::new();
        story.auction(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.times_out(op);
        let op = story.ask(3, 1, 30);
        story.store(3, 1, 30);
        story.times_out(op);
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn another_amount_or_place_fails() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.bids[0].amount += 1);
        assert_eq!(verdict(check, &story), Verdict::Fail);
        let mut story = Story::clean();
        story.change_last(|tables| tables.bids[2].sequence += 1);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn no_accepted_bid_is_vacuous() {
        let mut story = Story::new();
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Vacuous);
    }
}
