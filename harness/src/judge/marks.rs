//! The outbox's marks are honest: sent means delivered, and after recovery nothing is left unmarked.

use crate::history::{History, State};
use crate::judge::basis::{Unjudgeable, last, names, scenario, shown, subject};
use crate::judge::commits::forgotten;
use crate::judge::excuse;
use crate::judge::inquiry::Inquiry;
use crate::judge::ledger;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let subject = subject(history)?;
    let shows = subject.shows;
    shown(shows.outbox, "there is no [outbox]")?;
    shown(shows.sent, "[outbox] has no sent")?;
    let excuse = excuse::of(subject, scenario(history)?)?;
    if let Some(why) = excuse.and_then(|excuse| excuse.hides_losses(shows)) {
        return Err(Unjudgeable::NotShown(why));
    }
    let may_give_up = excuse.is_some() || names(scenario(history)?, "events_failed");
    let recovered = history.recovered_after_ms().is_some();
    let mut inquiry = Inquiry::new("marks");
    let mut deleted = 0;
    let told = match ledger::told(history) {
        // A log that cannot be followed is `atomic`'s to tell; rows that stay are judged without it.
        Err(_) if !shows.rows_leave => None,
        told => told?,
    };
    if told.is_none() && shows.rows_leave {
        return Err(Unjudgeable::NotShown(
            "rows leave the outbox when they are sent, and the server's log was not read",
        ));
    }
    // Where retention deletes what was sent, the last look shows little of it.
    for id in told.iter().flat_map(|told| forgotten(told)) {
        deleted += 1;
        if !history.was_delivered(id) {
            let example = format!("the event of {id} was deleted and never delivered");
            inquiry.fail(
                "events deleted, which means sent, and never delivered",
                example,
            );
        }
    }
    for event in &last.tables.outbox {
        let delivered = event
            .announces()
            .is_some_and(|id| history.was_delivered(id));
        match event.state {
            State::Sent if !delivered => {
                let example = format!(
                    "event {} is marked as sent and was never delivered",
                    event.row
                );
                inquiry.fail("events marked as sent and never delivered", example);
            }
            State::Sent | State::GivenUp => {}
            State::Waiting if may_give_up && last.is_held_back(event.key, event.n) => {}
            State::Waiting | State::Held if recovered => {
                let example = format!("event {} is still {}", event.row, event.state);
                inquiry.fail("events left unmarked after recovery", example);
            }
            State::Waiting | State::Held => {
                inquiry.count("events left unmarked, not recovered", 1);
            }
        }
    }
    Ok(inquiry.conclude(deleted + last.tables.outbox.len(), "events"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Event;
    use crate::judge::proof::story::{Story, finding, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn published_and_never_delivered_fails() {
        let mut story = Story::clean();
        story.lose_delivery(3);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn sent_deleted_and_never_delivered_fails() {
        let mut story = Story::clean();
        story.delete_sent(3);
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.lose_delivery(3);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn delivered_and_not_yet_marked_is_legal_until_recovery() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.outbox[2].state = State::Held);
        assert_eq!(verdict(check, &story), Verdict::Fail);
        story.not_recovered();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn every_event_is_looked_at_the_deleted_ones_too() {
        let mut story = Story::clean();
        story.delete_sent(3);
        assert_eq!(
            finding(check, &story).counts,
            [("events".to_owned(), 3)].into()
        );
    }

    #[test]
    fn a_mark_on_what_says_nothing_is_no_better() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.outbox[2].item = Err("spoiled".to_owned()));
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn before_recovery_what_is_unmarked_is_counted() {
        let mut story = Story::clean();
        story.not_recovered();
        story.change_last(|tables| tables.outbox[2].state = State::Held);
        assert_eq!(
            finding(check, &story).counts["events left unmarked, not recovered"],
            1
        );
    }

    #[test]
    fn only_what_stands_behind_an_event_given_up_may_stay_unmarked_where_that_is_allowed() {
        let judged = |given_up: usize, waiting: usize, allow: fn(&mut Story)| {
            let mut story = Story::clean();
            story.change_last(|tables| {
                tables.outbox[given_up].state = State::GivenUp;
                tables.outbox[waiting].state = State::Waiting;
            });
            allow(&mut story);
            verdict(check, &story)
        };
        let expected = |story: &mut Story| story.expect("events_failed", "= 1");
        assert_eq!(judged(1, 2, expected), Verdict::Pass);
        assert_eq!(judged(2, 1, expected), Verdict::Fail);
        assert_eq!(judged(1, 2, |_| ()), Verdict::Fail);
        let promised = |story: &mut Story| {
            story.subject(|subject| subject.promises.gives_up_after_ms = Some(0))
        };
        assert_eq!(judged(1, 2, promised), Verdict::Pass);
    }

    #[test]
    fn a_log_is_missed_only_where_rows_leave() {
        let judged = |leave: bool, change: fn(&mut Story)| {
            let mut story = Story::of_a_stranger();
            story.subject(|subject| subject.shows.rows_leave = leave);
            change(&mut story);
            check(&story.history()).map(|found| found.verdict)
        };
        assert!(matches!(judged(true, |_| ()), Ok(Verdict::Pass)));
        let broken = |story: &mut Story| {
            story.drop_events(|event| matches!(event, Event::LedgerClosed { .. }));
        };
        assert!(matches!(judged(false, broken), Ok(Verdict::Pass)));
        assert!(matches!(judged(true, broken), Err(Unjudgeable::Ledger(_))));
        let sampled = |story: &mut Story| story.sampled("no slot");
        assert!(matches!(judged(false, sampled), Ok(Verdict::Pass)));
        assert!(matches!(
            judged(true, sampled),
            Err(Unjudgeable::NotShown(_))
        ));
    }
}
