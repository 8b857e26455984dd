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
    use super::{super::check, TOLERANCE_US};
    use crate::judge::proof::story::{Story, finding, reason, verdict};
    use crate::judge::verdict::Verdict;

    /// One bid, asked for at 100 s of the run and accepted at 101 s, placed `at` seconds.
    fn placed(at: i64) -> Story {
        placed_at_us(at * 1_000_000)
    }

    fn placed_at_us(at_us: i64) -> Story {
        let mut story = Story::new();
        story.opens(1);
        story.time_passes(100_000_000);
        let op = story.ask(1, 1, 100);
        story.store(1, 1, 100);
        story.placed_at(1, at_us);
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

    /// When the bid of `placed` was asked for and accepted, by the lab's clock.
    fn window() -> (i64, i64) {
        let history = placed(100).history();
        let op = &history.ops()[&1];
        let at_us = |position: usize| history.wall_clock_us(position).expect("a clock");
        let (answered, _) = op.completed.as_ref().expect("an answer");
        (at_us(op.invoked), at_us(*answered))
    }

    #[test]
    fn the_tolerance_is_kept_to_the_microsecond() {
        let (asked, answered) = window();
        let judged = |at_us| verdict(check, &placed_at_us(at_us));
        assert_eq!(judged(asked - TOLERANCE_US), Verdict::Pass);
        assert_eq!(judged(asked - TOLERANCE_US - 1), Verdict::Fail);
        assert_eq!(judged(answered + TOLERANCE_US), Verdict::Pass);
        assert_eq!(judged(answered + TOLERANCE_US + 1), Verdict::Fail);
    }

    #[test]
    fn it_is_said_how_far_off_a_time_is_and_how_many_were_compared() {
        let (asked, answered) = window();
        let found = finding(check, &placed_at_us(asked + 3_600_000_000));
        let waited = (answered - asked) as f64 / 1e6;
        let said = format!(
            "bid {} says that it was placed 3600.000 s after it was first asked for, and was accepted or looked at {waited:.3} s \
             after that",
            Story::id(1)
        );
        assert_eq!(found.examples, [said]);
        assert_eq!(
            found.counts["bids whose time was compared with the clock"],
            1
        );
    }

    /// One bid, asked for at 100 s with `first` and at 120 s with 100, accepted at 110 s, if it was the same, and at 130 s.
    fn asked_twice(first: i64, at: i64) -> Verdict {
        let mut story = Story::new();
        story.opens(1);
        story.time_passes(100_000_000);
        let op = story.ask(1, 1, first);
        story.time_passes(10_000_000);
        match first {
            100 => {
                story.store(1, 1, 100);
                story.accept(op, 201);
            }
            _ => story.refuse(op, 422, "bid_too_low"),
        }
        story.time_passes(10_000_000);
        let again = story.ask(1, 1, 100);
        if first != 100 {
            story.store(1, 1, 100);
        }
        story.time_passes(10_000_000);
        story.accept(again, 200);
        story.placed_at(1, at * 1_000_000);
        story.finish();
        verdict(check, &story)
    }

    #[test]
    fn the_first_request_for_what_is_stored_and_the_first_acceptance_count() {
        assert_eq!(asked_twice(100, 101), Verdict::Pass);
        assert_eq!(asked_twice(100, 118), Verdict::Fail);
        assert_eq!(asked_twice(50, 101), Verdict::Fail);
        assert_eq!(asked_twice(50, 121), Verdict::Pass);
    }

    #[test]
    fn without_an_answer_the_last_entry_is_the_end() {
        let told = |at_us: i64| {
            let mut story = Story::new();
            story.opens(1);
            let op = story.ask(1, 1, 100);
            story.times_out(op);
            story.store(1, 1, 100);
            story.placed_at(1, at_us);
            story.finish();
            story
        };
        let history = told(0).history();
        let end = history
            .wall_clock_us(history.entries().len() - 1)
            .expect("a clock");
        assert_eq!(verdict(check, &told(end + TOLERANCE_US)), Verdict::Pass);
        assert_eq!(verdict(check, &told(end + TOLERANCE_US + 1)), Verdict::Fail);
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
