//! What a client was told is not stored is not stored, unless another request for the same operation may have; and who asks again
//! for what was accepted is not refused: whoever had not heard the first answer would believe the second.

use crate::history::{History, Last, Op, Outcome};
use crate::judge::basis::{Unjudgeable, last, shown, subject};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    shown(subject(history)?.shows.stored, "[look] has no business")?;
    let mut inquiry = Inquiry::new("refusal");
    for (number, op) in history.ops() {
        if says_nothing_changed(op) {
            inquiry.count("requests told that nothing was changed", 1);
            if let Some(example) = changed_all_the_same(history, last, number, op) {
                inquiry.fail(
                    "requests told that nothing was changed, of operations that are stored",
                    example,
                );
            }
            continue;
        }
        if !matches!(op.outcome(), Some(Outcome::Refused { .. })) {
            continue;
        }
        inquiry.count("refused requests", 1);
        let Some(row) = last.stored(op.asked.id).filter(|row| op.asked.is(row)) else {
            continue;
        };
        // Among them is this one, which explains nothing.
        let same = history.ops_of(op.asked.id).map(|(_, of)| of);
        let same: Vec<&Op> = same.filter(|of| of.asked.is(row)).collect();
        let explained = same
            .iter()
            .any(|other| other.is_accepted() || other.is_unknown());
        if same.iter().any(|other| was_accepted_before(other, op)) {
            let example = format!("op {number}: {} was accepted before", op.asked.id);
            inquiry.fail("repetitions refused of what had been accepted", example);
        } else if !explained {
            let example = format!("op {number}: {} was refused and is stored", op.asked.id);
            inquiry.fail("refused operations that are stored", example);
        }
    }
    // The promise is about every request: none that was refused is stored. A run without refusals keeps it.
    Ok(inquiry.conclude(history.ops().len(), "requests"))
}

/// Whether the answer to one request had come before another was sent.
fn was_accepted_before(one: &Op, other: &Op) -> bool {
    let answered = one.completed.as_ref().map(|(position, _)| *position);
    one.is_accepted() && answered.is_some_and(|answered| answered < other.invoked)
}

/// An answer that leaves it open whether to try again, and not whether anything was done.
fn says_nothing_changed(op: &Op) -> bool {
    matches!(op.outcome(), Some(Outcome::Unknown { reason, .. }) if reason.contains("nothing was changed"))
}

/// It is stored although this request changed nothing: another one must have stored it, one that was told so or that
/// nobody was told about. An answer 200 says only that it was there already.
fn changed_all_the_same(
    history: &History,
    last: Last<'_>,
    number: &u64,
    op: &Op,
) -> Option<String> {
    let row = last.stored(op.asked.id).filter(|row| op.asked.is(row))?;
    let mut same = history.ops_of(op.asked.id);
    let stored_it = |other: &Op| match other.outcome() {
        Some(Outcome::Accepted { status, .. }) => *status != Some(200),
        _ => other.is_unknown() && !says_nothing_changed(other),
    };
    let explained = same.any(|(_, other)| other.asked.is(row) && stored_it(other));
    (!explained).then(|| {
        format!(
            "op {number}: nothing was changed for {}, and it is stored",
            op.asked.id
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, finding, reason, verdict};
    use crate::judge::verdict::Verdict;

    fn refused_and_stored() -> Story {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.store(2, 1, 20);
        story.refuse(op, 422, "bid_too_low");
        story
    }

    #[test]
    fn a_refused_operation_that_is_stored_fails() {
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

    /// An operation that is asked for twice, the second time before or after the first answer, and then refused.
    fn refused_again(after: bool) -> Verdict {
        let mut story = Story::new();
        story.opens(1);
        let first = story.ask(2, 1, 20);
        story.store(2, 1, 20);
        let mut again = None;
        if !after {
            again = Some(story.ask(2, 1, 20));
        }
        story.accept(first, 201);
        let again = again.unwrap_or_else(|| story.ask(2, 1, 20));
        story.refuse(again, 422, "bid_too_low");
        story.finish();
        verdict(check, &story)
    }

    #[test]
    fn who_asks_again_for_what_was_accepted_is_not_refused() {
        assert_eq!(refused_again(true), Verdict::Fail);
        assert_eq!(refused_again(false), Verdict::Pass);
    }

    /// An operation whose first request is told that nothing was changed, asked for again with this answer.
    fn told_that_nothing_changed(answer: u16) -> Verdict {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.says(
            op,
            503,
            "the database is not available; nothing was changed",
        );
        story.store(2, 1, 20);
        let again = story.ask(2, 1, 20);
        story.accept(again, answer);
        story.finish();
        verdict(check, &story)
    }

    #[test]
    fn nothing_was_changed_is_as_definite_as_a_refusal() {
        assert_eq!(told_that_nothing_changed(200), Verdict::Fail);
        assert_eq!(told_that_nothing_changed(201), Verdict::Pass);
    }

    #[test]
    fn a_conflicting_copy_is_not_what_is_stored() {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(1, 1, 99);
        story.refuse(op, 409, "bid_conflict");
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn what_was_refused_and_what_changed_nothing_is_counted() {
        let mut story = Story::clean();
        let op = story.ask(4, 1, 20);
        story.refuse(op, 422, "bid_too_low");
        let op = story.ask(5, 1, 20);
        story.says(op, 503, "nothing was changed");
        let counts = finding(check, &story).counts;
        assert_eq!(counts["refused requests"], 1);
        assert_eq!(counts["requests told that nothing was changed"], 1);
    }

    #[test]
    fn only_an_open_or_accepted_request_for_the_same_explains_what_is_stored() {
        let beside = |amount: i64, answer: fn(&mut Story, u64)| {
            let mut story = refused_and_stored();
            let copy = story.ask(2, 1, amount);
            answer(&mut story, copy);
            story.finish();
            verdict(check, &story)
        };
        assert_eq!(beside(20, Story::times_out), Verdict::Pass);
        assert_eq!(beside(99, Story::times_out), Verdict::Fail, "other content");
        let refuse = |story: &mut Story, op: u64| story.refuse(op, 422, "bid_too_low");
        assert_eq!(beside(20, refuse), Verdict::Fail, "refused as well");
    }

    #[test]
    fn one_earlier_acceptance_is_enough() {
        let mut story = Story::new();
        story.opens(1);
        let lost = story.ask(2, 1, 20);
        story.times_out(lost);
        let accepted = story.ask(2, 1, 20);
        story.store(2, 1, 20);
        story.accept(accepted, 201);
        let again = story.ask(2, 1, 20);
        story.refuse(again, 422, "bid_too_low");
        story.finish();
        let said = "1 repetitions refused of what had been accepted".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Fail, said));
    }

    /// A request that is told that nothing was changed, asked for again with each of these answers.
    fn nothing_changed_then(answers: &[fn(&mut Story, u64)]) -> Verdict {
        let mut story = Story::new();
        story.opens(1);
        let op = story.ask(2, 1, 20);
        story.says(op, 503, "nothing was changed");
        story.store(2, 1, 20);
        for answer in answers {
            let again = story.ask(2, 1, 20);
            answer(&mut story, again);
        }
        story.finish();
        verdict(check, &story)
    }

    #[test]
    fn what_changed_nothing_is_stored_by_another_that_may_have_changed_something() {
        let found_it = |story: &mut Story, op: u64| story.accept(op, 200);
        let changed_nothing =
            |story: &mut Story, op: u64| story.says(op, 503, "again, nothing was changed");
        assert_eq!(nothing_changed_then(&[Story::times_out]), Verdict::Pass);
        assert_eq!(nothing_changed_then(&[changed_nothing]), Verdict::Fail);
        assert_eq!(
            nothing_changed_then(&[found_it, Story::times_out]),
            Verdict::Pass
        );
    }

    #[test]
    fn what_changed_nothing_may_find_other_content() {
        let mut story = Story::new();
        story.opens(1);
        let op = story.ask(2, 1, 99);
        story.says(op, 503, "nothing was changed");
        let other = story.ask(2, 1, 20);
        story.store(2, 1, 20);
        story.accept(other, 200);
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
