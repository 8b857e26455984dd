//! What a client was told is stored is stored: the same content at the same place (Jepsen's "acknowledged, not lost").

use crate::history::{History, Outcome};
use crate::judge::basis::{Unjudgeable, last, shown, subject};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    shown(subject(history)?.shows.stored, "[look] has no business")?;
    let mut inquiry = Inquiry::new("durable");
    let mut accepted = 0;
    for (number, op) in history.ops() {
        let Some(Outcome::Accepted { n, .. }) = op.outcome() else {
            continue;
        };
        accepted += 1;
        let asked = &op.asked;
        let Some(row) = last.stored(asked.id) else {
            let example = format!("op {number}: {} was accepted and has no row", asked.id);
            inquiry.fail("accepted operations that are not stored", example);
            continue;
        };
        if !asked.is(row) {
            let example = format!("op {number}: asked {asked:?}, stored {row:?}");
            inquiry.fail(
                "accepted operations that are stored with other content",
                example,
            );
        } else if let Some(place) = n
            && row.n != *place
        {
            let example = format!(
                "op {number}: {} was accepted at place {place} and stored at {}",
                asked.id, row.n
            );
            inquiry.fail(
                "accepted operations that are stored at another place",
                example,
            );
        }
    }
    Ok(inquiry.conclude(accepted, "accepted operations"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::content::raise;
    use crate::judge::proof::story::{Story, finding, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn an_accepted_operation_without_a_row_fails() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.stored.retain(|row| row.id != Story::id(2)));
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn an_unknown_one_may_be_stored_or_not() {
        let mut story = Story::new();
        story.opens(1);
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
        story.change_last(|tables| raise(&mut tables.stored[0].content, 1));
        assert_eq!(verdict(check, &story), Verdict::Fail);
        let mut story = Story::clean();
        story.change_last(|tables| tables.stored[2].n += 1);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn no_accepted_operation_is_vacuous() {
        let mut story = Story::new();
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Vacuous);
    }

    #[test]
    fn each_acceptance_is_counted_where_it_can_be_seen_what_is_stored() {
        let mut story = Story::clean();
        assert_eq!(finding(check, &story).counts["accepted operations"], 3);
        story.subject(|subject| subject.shows.stored = false);
        assert!(matches!(
            check(&story.history()),
            Err(Unjudgeable::NotShown(_))
        ));
    }
}
