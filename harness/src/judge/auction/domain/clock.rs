//! When a bid says that it was placed: after it was first asked for, and before its acceptance was first answered.
//!
//! The database's clock says when it was placed, the lab's when it was asked for. On one machine they are the same clock,
//! which may be set while a run goes on; a tolerance of some seconds forgives that, and forgives no wrong time zone or unit.
//! Where the servers are on another machine the history carries no wall clock, and nothing is compared.

use crate::history::{History, Item, Last};
use crate::judge::auction::bid::Bid;
use crate::judge::inquiry::Inquiry;

/// A clock that is set is set by less, and a mistake in the time is larger.
const TOLERANCE_US: i64 = 5_000_000;

pub(super) fn placed_while_asked_for(inquiry: &mut Inquiry, history: &History, last: Last<'_>) {
    let mut compared = 0;
    for row in &last.tables.stored {
        let Some((asked, answered)) = window(history, row) else {
            continue;
        };
        compared += 1;
        let placed = row.placed_at_us();
        if placed < asked.saturating_sub(TOLERANCE_US)
            || placed > answered.saturating_add(TOLERANCE_US)
        {
            let example = format!(
                "bid {} says that it was placed {:.3} s after it was first asked for, and was accepted or looked at {:.3} s \
                 after that",
                row.id,
                seconds(placed.saturating_sub(asked)),
                seconds(answered - asked)
            );
            inquiry.fail("bids placed at a time when nobody asked for them", example);
        }
    }
    inquiry.count("bids whose time was compared with the clock", compared);
}

/// From the first request that may have stored the bid to the first answer that it is stored; without one, to the last
/// entry: a request whose answer was lost may be carried out at any time after it. `None` where there is nothing to
/// compare: no clock, or (`phantom`'s) no request.
fn window(history: &History, row: &Item) -> Option<(i64, i64)> {
    let mut asked = None;
    let mut answered = None;
    for (_, op) in history.ops_of(row.id).filter(|(_, op)| op.asked.is(row)) {
        asked = asked.into_iter().chain([op.invoked]).min();
        let completed = op.completed.as_ref().map(|(position, _)| *position);
        answered = answered
            .into_iter()
            .chain(completed.filter(|_| op.is_accepted()))
            .min();
    }
    let end = answered.unwrap_or(history.entries().len() - 1);
    Some((history.wall_clock_us(asked?)?, history.wall_clock_us(end)?))
}

fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::judge::proof::story::{Story, reason, verdict};
    use crate::judge::verdict::Verdict;

    /// One bid, asked for at 100 s of the run and accepted at 101 s, placed `at` seconds.
    fn placed(at: i64) -> Story {
        let mut story = Story::new();
        story.opens(1);
        story.time_passes(100_000_000);
        let op = story.ask(1, 1, 100);
        story.store(1, 1, 100);
        story.placed_at(1, at * 1_000_000);
        story.time_passes(1_000_000);
        story.accept(op, 201);
        story.finish();
        story
    }

    #[test]
    fn a_bid_placed_before_it_was_asked_for_or_after_its_answer_fails() {
        assert_eq!(verdict(check, &placed(94)), Verdict::Fail);
        assert_eq!(verdict(check, &placed(96)), Verdict::Pass);
        assert_eq!(verdict(check, &placed(105)), Verdict::Pass);
        assert_eq!(verdict(check, &placed(107)), Verdict::Fail);
        let (_, said) = reason(check, &placed(100 + 3600));
        assert_eq!(said, "1 bids placed at a time when nobody asked for them");
    }

    #[test]
    fn a_bid_whose_answer_was_lost_may_be_placed_until_the_end() {
        let late = |accepted: bool| {
            let mut story = Story::new();
            story.opens(1);
            let op = story.ask(1, 1, 100);
            match accepted {
                true => {
                    story.store(1, 1, 100);
                    story.accept(op, 201);
                }
                false => story.times_out(op),
            }
            story.time_passes(60_000_000);
            if !accepted {
                story.store(1, 1, 100);
            }
            story.placed_at(1, 50_000_000);
            story.finish();
            verdict(check, &story)
        };
        assert_eq!(late(false), Verdict::Pass);
        assert_eq!(late(true), Verdict::Fail);
    }

    #[test]
    fn without_a_common_clock_no_time_is_compared() {
        let mut story = placed(7_000);
        story.clock_elsewhere();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
