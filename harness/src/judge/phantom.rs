//! Nothing comes from nowhere: each delivery has its event and bid, each effect its bid, each bid its request.

use std::collections::HashSet;

use crate::history::{BidRow, History, InboxRow};
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::refusal::same;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("phantom");
    let mut delivered = HashSet::new();
    for (_, delivery) in history.deliveries() {
        let Ok(body) = &delivery.body else { continue };
        if !delivered.insert(body.bid_id) {
            continue;
        }
        if last.bid(body.bid_id).is_none() {
            let example = format!("a delivery tells of bid {}, which has no row", body.bid_id);
            inquiry.fail("deliveries without a bid", example);
        } else if last.event_of(body.bid_id).is_none() {
            let example = format!(
                "a delivery tells of bid {}, which has no event",
                body.bid_id
            );
            inquiry.fail("deliveries without an event", example);
        }
    }
    for received in &last.tables.inbox {
        let bid = last.bid(received.bid_id);
        if bid.is_none_or(|bid| !as_placed(received, bid, history.has_every_field())) {
            let example = format!("the consumer has {received:?}, the bid is {bid:?}");
            inquiry.fail("received bids that were not placed so", example);
        }
    }
    for row in &last.tables.bids {
        if !history.ops_of(row.bid_id).any(|(_, op)| same(row, &op.bid)) {
            inquiry.fail(
                "bids that nobody asked for",
                format!("nobody asked for {row:?}"),
            );
        }
    }
    let looked_at = delivered.len() + last.tables.inbox.len() + last.tables.bids.len();
    Ok(inquiry.conclude(looked_at, "deliveries, received and stored bids"))
}

fn as_placed(received: &InboxRow, bid: &BidRow, every_field: bool) -> bool {
    (received.auction_id, received.sequence, received.amount)
        == (bid.auction_id, bid.sequence, bid.amount)
        && (!every_field
            || (&received.user_id, received.placed_at_us) == (&bid.user_id, bid.placed_at_us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn a_delivery_of_a_bid_that_was_rolled_back_fails() {
        let mut story = Story::clean();
        story.deliver_event(Story::event(8, 1, 800, 4));
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn a_second_copy_is_legal() {
        let mut story = Story::clean();
        story.deliver_again(1);
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn an_effect_with_another_amount_bidder_or_time_fails() {
        let changed = |change: fn(&mut InboxRow)| {
            let mut story = Story::clean();
            story.change_last(|tables| change(&mut tables.inbox[0]));
            verdict(check, &story)
        };
        assert_eq!(changed(|row| row.amount += 1), Verdict::Fail);
        assert_eq!(
            changed(|row| row.user_id = "user 2".to_owned()),
            Verdict::Fail
        );
        assert_eq!(changed(|row| row.placed_at_us += 1), Verdict::Fail);
        assert_eq!(changed(|row| row.applied = false), Verdict::Pass);
    }

    #[test]
    fn what_the_first_format_did_not_record_is_not_compared() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.inbox[0].user_id.clear());
        story.written_in_format(1);
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn a_bid_that_nobody_asked_for_fails() {
        let mut story = Story::new();
        story.auction(1);
        story.store(1, 1, 10);
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }
}
