//! Nothing comes from nowhere: each delivery has its event and its operation, each effect its
//! operation, each operation its request.

use std::collections::HashSet;

use uuid::Uuid;

use crate::history::{EffectRow, History, Last, OutboxRow, Rules};
use crate::judge::basis::{Unjudgeable, last, subject};
use crate::judge::commits::Step;
use crate::judge::inquiry::Inquiry;
use crate::judge::ledger;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let shows = subject(history)?.shows;
    let announced = announced(history)?;
    let mut inquiry = Inquiry::new("phantom");
    let mut delivered = HashSet::new();
    for (_, delivery) in history.deliveries() {
        let Ok(item) = &delivery.item else { continue };
        if !delivered.insert(item.id) {
            continue;
        }
        if shows.stored && last.stored(item.id).is_none() {
            let example = format!("a delivery tells of {}, which is not stored", item.id);
            inquiry.fail("deliveries of what is not stored", example);
        } else if announced
            .as_ref()
            .is_some_and(|known| !known.contains(&item.id))
        {
            let example = format!("a delivery tells of {}, which has no event", item.id);
            inquiry.fail("deliveries without an event", example);
        } else if !shows.stored && !may_be_stored(history, item.id) {
            let example = format!("a delivery tells of {}, which nobody got stored", item.id);
            inquiry.fail("deliveries of what was refused or never asked for", example);
        }
    }
    for effect in &last.tables.effects {
        effected(&mut inquiry, history, last, effect);
    }
    for odd in &last.tables.odd {
        inquiry.fail("rows of what nobody asked for", odd.clone());
    }
    for row in &last.tables.stored {
        if !history.ops_of(row.id).any(|(_, op)| op.asked.is(row)) {
            let example = format!("nobody asked for {row:?}");
            inquiry.fail("stored operations that nobody asked for", example);
        }
    }
    let looked_at = delivered.len() + last.tables.effects.len() + last.tables.stored.len();
    Ok(inquiry.conclude(looked_at, "deliveries, effects and stored operations"))
}

/// The operations that have, or had, an event; none where that cannot be told.
fn announced(history: &History) -> Result<Option<HashSet<Uuid>>, Unjudgeable> {
    let subject = subject(history)?;
    if !subject.shows.outbox {
        return Ok(None);
    }
    let rows = last(history)?.tables.outbox.iter();
    let mut known: HashSet<Uuid> = rows.filter_map(OutboxRow::announces).collect();
    match ledger::told(history) {
        Ok(Some(told)) if subject.rules == Rules::None => {
            let steps = told.iter().flat_map(|told| &told.steps);
            known.extend(steps.filter_map(|step| match step {
                Step::Announced(event) => event.of,
                _ => None,
            }));
            Ok(Some(known))
        }
        // A row that is not there any more may have been sent and deleted.
        _ if subject.rules == Rules::None => Ok(None),
        _ => Ok(Some(known)),
    }
}

fn effected(inquiry: &mut Inquiry, history: &History, last: Last<'_>, effect: &EffectRow) {
    let stored = last.stored(effect.item.id);
    let heard_of = history
        .subject()
        .is_some_and(|subject| !subject.shows.stored)
        && may_be_stored(history, effect.item.id);
    if stored != Some(&effect.item) && !heard_of {
        let example = format!("the consumer has {effect:?}, stored is {stored:?}");
        inquiry.fail("effects of what is not stored so", example);
    }
}

/// Whether some client was told that it is stored, or nothing.
fn may_be_stored(history: &History, id: Uuid) -> bool {
    history
        .ops_of(id)
        .any(|(_, op)| op.is_accepted() || op.is_unknown())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::content::{later, raise, user_id};
    use crate::judge::proof::story::{Story, finding, reason, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn a_delivery_of_what_was_rolled_back_fails() {
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
    fn an_effect_with_other_content_fails() {
        let changed = |change: fn(&mut EffectRow)| {
            let mut story = Story::clean();
            story.change_last(|tables| change(&mut tables.effects[0]));
            verdict(check, &story)
        };
        assert_eq!(
            changed(|row| raise(&mut row.item.content, 1)),
            Verdict::Fail
        );
        assert_eq!(
            changed(|row| user_id(&mut row.item.content, "user 2")),
            Verdict::Fail
        );
        assert_eq!(
            changed(|row| later(&mut row.item.content, 1)),
            Verdict::Fail
        );
        assert_eq!(changed(|row| row.times = 0), Verdict::Pass);
    }

    #[test]
    fn an_operation_that_nobody_asked_for_fails() {
        let mut story = Story::new();
        story.opens(1);
        story.store(1, 1, 10);
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn everything_that_could_come_from_nowhere_is_looked_at() {
        let what = "deliveries, effects and stored operations";
        assert_eq!(finding(check, &Story::clean()).counts[what], 9);
        let mut story = Story::clean();
        story.change_last(|tables| tables.effects.clear());
        assert_eq!(finding(check, &story).counts[what], 6);
    }

    #[test]
    fn a_message_of_what_has_no_event_and_a_row_of_nobodys_fail() {
        let mut story = Story::clean();
        story.change_last(|tables| _ = tables.outbox.remove(1));
        let said = "1 deliveries without an event".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Fail, said));
        let mut story = Story::clean();
        story.change_last(|tables| tables.odd.push("a row of another run".to_owned()));
        let said = "1 rows of what nobody asked for".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Fail, said));
    }

    #[test]
    fn other_content_than_was_asked_for_was_asked_for_by_nobody() {
        let mut story = Story::clean();
        story.change_last(|tables| {
            raise(&mut tables.stored[0].content, 1);
            raise(&mut tables.effects[0].item.content, 1);
        });
        let said = "1 stored operations that nobody asked for".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Fail, said));
    }

    #[test]
    fn a_strangers_event_that_is_not_there_any_more_was_in_the_log_or_in_a_log_that_was_not_read() {
        let mut purged = Story::of_a_stranger();
        purged.change_last(|tables| _ = tables.outbox.remove(1));
        assert_eq!(verdict(check, &purged), Verdict::Pass);
        let mut never_written = purged.clone();
        let row = never_written.tables.outbox[1].row.clone();
        never_written.unwrite("outbox_events", row);
        let said = "1 deliveries without an event".to_owned();
        assert_eq!(reason(check, &never_written), (Verdict::Fail, said));
        never_written.sampled("no slot");
        assert_eq!(verdict(check, &never_written), Verdict::Pass);
        let mut own = Story::clean();
        own.change_last(|tables| _ = tables.outbox.remove(1));
        own.sampled("no slot");
        assert_eq!(verdict(check, &own), Verdict::Fail);
    }

    #[test]
    fn an_outbox_that_is_not_seen_lacks_no_event() {
        let mut story = Story::of_a_stranger();
        story.change_last(|tables| tables.outbox.clear());
        story.subject(|subject| subject.shows.outbox = false);
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.deliver_event(Story::event(8, 1, 800, 4));
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    /// A stranger that shows nothing of what it keeps, and an operation that was stored and heard with this answer.
    fn unseen(answer: fn(&mut Story, u64)) -> (Verdict, String) {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.store(2, 1, 20);
        answer(&mut story, op);
        story.finish();
        story.estrange();
        story.subject(|subject| (subject.shows.stored, subject.shows.outbox) = (false, false));
        story.change_last(|tables| tables.stored.clear());
        reason(check, &story)
    }

    #[test]
    fn where_nothing_stored_is_seen_only_what_was_refused_or_never_asked_for_comes_from_nowhere() {
        assert_eq!(unseen(|story, op| story.accept(op, 201)).0, Verdict::Pass);
        assert_eq!(unseen(Story::times_out).0, Verdict::Pass);
        let refuse = |story: &mut Story, op: u64| story.refuse(op, 422, "bid_too_low");
        let said = "1 deliveries of what was refused or never asked for; 1 effects of what is not stored so";
        assert_eq!(unseen(refuse), (Verdict::Fail, said.to_owned()));
        let refused_and_accepted = |story: &mut Story, op: u64| {
            story.refuse(op, 422, "bid_too_low");
            let again = story.ask(2, 1, 20);
            story.accept(again, 201);
        };
        assert_eq!(unseen(refused_and_accepted).0, Verdict::Pass);
    }

    #[test]
    fn an_effect_of_what_is_not_stored_fails_where_that_is_seen() {
        let mut story = Story::clean();
        story.change_last(|tables| _ = tables.stored.remove(1));
        let counts = finding(check, &story).counts;
        assert_eq!(counts["effects of what is not stored so"], 1);
        assert_eq!(counts["deliveries of what is not stored"], 1);
    }
}
