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
    use crate::judge::proof::story::{Story, verdict};
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
}
