//! Each bid of an auction is placed after the one before it was committed: it is judged, and its time taken, when its turn
//! has come, and not when it began to wait for that. Else an auction could close, or be outbid, while a bid waits.

use std::collections::HashMap;

use crate::history::Key;
use crate::judge::auction::bid::Bid;
use crate::judge::auction::replay::{Step, Told};
use crate::judge::inquiry::Inquiry;

/// Both times are the database's. Its clock may be set back by so much without making a culprit of the service.
const TOLERANCE_US: i64 = 50_000;

pub(super) fn in_turn(inquiry: &mut Inquiry, told: &[Told<'_>]) {
    let mut before: HashMap<Key, i64> = HashMap::new();
    for Told { commit, steps } in told {
        for step in steps {
            let Step::Bid(turn) = step else { continue };
            let (None, Some(bid)) = (&turn.before, &turn.after) else {
                continue;
            };
            if let Some(committed) = before.insert(bid.key, commit.committed_at_us)
                && bid.placed_at_us() < committed.saturating_sub(TOLERANCE_US)
            {
                let example = format!(
                    "bid {} says that it was placed {} us before the one in front of it was committed",
                    bid.id,
                    committed.saturating_sub(bid.placed_at_us())
                );
                inquiry.fail("bids placed before their turn", example);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::judge::auction::bid::Bid;
    use crate::judge::proof::story::{Story, reason, verdict};
    use crate::judge::verdict::Verdict;

    /// Two bids of one auction, the second placed so many microseconds after the first was committed.
    fn second_placed(after_us: i64) -> Story {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 100);
        let committed_at_us = story.tables.stored[0].placed_at_us();
        story.place(2, 1, 200);
        story.placed_at(2, committed_at_us + after_us);
        story.finish();
        story
    }

    #[test]
    fn a_bid_placed_before_the_one_in_front_was_committed_fails() {
        assert_eq!(verdict(check, &second_placed(0)), Verdict::Pass);
        assert_eq!(verdict(check, &second_placed(-50_000)), Verdict::Pass);
        let (judged, said) = reason(check, &second_placed(-50_001));
        assert_eq!(
            (judged, said.as_str()),
            (Verdict::Fail, "1 bids placed before their turn")
        );
    }
}
