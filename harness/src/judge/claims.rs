//! What a target file says of its target, held against a run in which nothing was broken. What does not hold there is a mistake
//! in the file, or in the lab, and nothing that the target could be judged by.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::commits::Step;
use super::ledger;
use crate::history::{History, Last, OutboxRow, State};

/// The claims that do not hold, a sentence each with what to do. None where the history is too short to tell.
pub fn broken(history: &History) -> Vec<String> {
    let (Some(last), Some(subject)) = (history.last(), history.subject()) else {
        return vec![
            "the run did not come to its end, so that nothing of the file was tried".into(),
        ];
    };
    let shows = subject.shows;
    let accepted = accepted(history);
    let heard: BTreeSet<Uuid> = history.heard().collect();
    let mut broken = Vec::new();
    let mut none = |claimed: bool, holds: bool, why: &str| {
        if claimed && !holds {
            broken.push(why.to_owned());
        }
    };
    none(
        true,
        !accepted.is_empty(),
        "nothing that was written was accepted: is [write] what the target takes?",
    );
    none(
        true,
        heard.iter().any(|id| accepted.contains(id)),
        "nothing that was accepted was heard: does [witness] name where the target publishes?",
    );
    none(
        shows.stored,
        accepted.iter().any(|id| last.stored(*id).is_some()),
        "[look] business has no row of anything that was accepted: is it the right table, and is {{id}} written to it?",
    );
    none(
        shows.outbox,
        announced(history, last, &accepted),
        "[outbox] never had a row of anything that was accepted: is it the right table, and does [outbox] id find {{id}} in it?",
    );
    none(
        shows.sent && !shows.rows_leave,
        sent(last, &heard),
        "no row of the outbox of which a message was heard counts as sent: does [outbox] sent hold for a row that was sent?",
    );
    none(
        shows.effects,
        heard
            .iter()
            .any(|id| last.effect(*id).is_some_and(|effect| effect.times > 0)),
        "[effects] shows none of what was heard: does it select {{id}} as id, and how often it took effect as times?",
    );
    let named = |(_, delivery): (usize, &crate::history::Delivery)| delivery.dedup.is_some();
    none(
        shows.dedup,
        history.deliveries().any(named),
        "no message has anything at [message] dedup_by: what do consumers tell copies by?",
    );
    broken
}

fn accepted(history: &History) -> BTreeSet<Uuid> {
    let ops = history.ops().values().filter(|op| op.is_accepted());
    ops.map(|op| op.asked.id).collect()
}

/// Whether the outbox has, or had, a row of some operation.
fn announced(history: &History, last: Last<'_>, accepted: &BTreeSet<Uuid>) -> bool {
    let rows = last.tables.outbox.iter().filter_map(OutboxRow::announces);
    let mut rows = rows.filter(|id| accepted.contains(id));
    if rows.next().is_some() {
        return true;
    }
    match ledger::told(history) {
        Ok(Some(told)) => {
            let steps = told.iter().flat_map(|told| &told.steps);
            let mut announced = steps.filter_map(|step| match step {
                Step::Announced(event) => event.of,
                _ => None,
            });
            announced.any(|id| accepted.contains(&id))
        }
        // Rows that leave are seen in the log alone, and it was not read.
        _ => history
            .subject()
            .is_some_and(|subject| subject.shows.rows_leave),
    }
}

fn sent(last: Last<'_>, heard: &BTreeSet<Uuid>) -> bool {
    let mut of_heard = last
        .tables
        .outbox
        .iter()
        .filter(|row| row.announces().is_some_and(|id| heard.contains(&id)))
        .peekable();
    // Without a row there is nothing to count.
    of_heard.peek().is_none() || of_heard.any(|row| row.state == State::Sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Event;
    use crate::judge::proof::story::Story;

    fn said(change: impl FnOnce(&mut Story)) -> Vec<String> {
        let mut story = Story::clean();
        change(&mut story);
        broken(&story.history())
    }

    #[test]
    fn what_a_true_file_says_holds() {
        assert_eq!(said(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn a_table_or_a_condition_that_never_shows_anything_is_a_mistake_of_the_file() {
        let only = |change: fn(&mut Story)| {
            let said = said(change);
            assert_eq!(said.len(), 1, "{said:?}");
            said.into_iter().next().expect("one")
        };
        let stored = only(|story| story.change_last(|tables| tables.stored.clear()));
        assert!(stored.starts_with("[look] business has no row"));
        let never_sent = only(|story| {
            story.change_last(|tables| {
                tables
                    .outbox
                    .iter_mut()
                    .for_each(|row| row.state = State::Waiting);
            });
        });
        assert!(never_sent.contains("counts as sent"));
        let effects = only(|story| story.change_last(|tables| tables.effects.clear()));
        assert!(effects.starts_with("[effects] shows none"));
        let nameless = only(|story| {
            for event in &mut story.events {
                if let Event::Delivered(delivery) = event {
                    delivery.dedup = None;
                }
            }
        });
        assert!(nameless.starts_with("no message has anything at [message] dedup_by"));
    }

    #[test]
    fn a_run_without_an_end_tried_nothing() {
        assert_eq!(broken(&History::default()).len(), 1);
    }

    fn lose_events(story: &mut Story) {
        story.change_last(|tables| tables.outbox.clear());
        story.drop_events(|event| matches!(event, Event::Committed(_)));
    }

    /// Operation 1 is accepted, and of operation 2 nobody knows; both are stored and heard.
    fn half_known() -> Story {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.store(2, 1, 20);
        story.times_out(op);
        story.finish();
        story
    }

    #[test]
    fn what_was_never_accepted_or_never_heard_is_said_first() {
        let mut story = half_known();
        let accepted = |event: &Event| matches!(event, Event::Completed { op: 1, .. });
        story.drop_events(accepted);
        let said = broken(&story.history());
        assert!(
            said[0].starts_with("nothing that was written was accepted"),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("nothing that was accepted was heard"),
            "{said:?}"
        );
        let mut story = half_known();
        story.lose_delivery(1);
        let said = broken(&story.history());
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("nothing that was accepted was heard"),
            "{said:?}"
        );
    }

    #[test]
    fn one_row_or_message_that_shows_it_is_enough() {
        assert_eq!(broken(&half_known().history()), Vec::<String>::new());
        let partly = said(|story| {
            story.change_last(|tables| {
                _ = tables.stored.remove(0);
                _ = tables.effects.remove(0);
                tables.outbox[1].state = State::Held;
            });
            story.deliver_as(1, None);
        });
        assert_eq!(partly, Vec::<String>::new());
        let never_took_effect = said(|story| {
            story.change_last(|tables| tables.effects.iter_mut().for_each(|row| row.times = 0));
        });
        assert_eq!(never_took_effect.len(), 1, "{never_took_effect:?}");
    }

    #[test]
    fn a_row_of_what_was_not_heard_does_not_show_which_are_sent() {
        let only_the_first_is_sent = |unheard: fn(&mut Story)| {
            said(|story| {
                story.change_last(|tables| {
                    tables.outbox[1..]
                        .iter_mut()
                        .for_each(|row| row.state = State::Held);
                });
                unheard(story);
            })
        };
        let lost = only_the_first_is_sent(|story| story.lose_delivery(1));
        assert!(lost[0].contains("counts as sent"), "{lost:?}");
        let spoiled = only_the_first_is_sent(|story| {
            story.change_last(|tables| tables.outbox[0].item = Err("spoiled".to_owned()));
        });
        assert!(spoiled[0].contains("counts as sent"), "{spoiled:?}");
        // Where sent rows leave, those that stay are not.
        let leave = only_the_first_is_sent(|story| {
            story.lose_delivery(1);
            story.subject(|subject| subject.shows.rows_leave = true);
        });
        assert_eq!(leave, Vec::<String>::new());
    }

    #[test]
    fn an_outbox_is_shown_by_its_rows_or_by_the_log() {
        assert_eq!(said(|story| story.sampled("no slot")), Vec::<String>::new());
        let in_the_log = said(|story| story.change_last(|tables| tables.outbox.clear()));
        assert_eq!(in_the_log, Vec::<String>::new());
        let nowhere = said(lose_events);
        assert_eq!(nowhere.len(), 1, "{nowhere:?}");
        assert!(
            nowhere[0].starts_with("[outbox] never had a row"),
            "{nowhere:?}"
        );
        let unseen = |leave: bool| {
            said(|story| {
                lose_events(story);
                story.sampled("no slot");
                story.subject(|subject| subject.shows.rows_leave = leave);
            })
        };
        assert_eq!(unseen(false).len(), 1);
        assert_eq!(unseen(true), Vec::<String>::new());
    }

    #[test]
    fn an_event_of_what_was_not_accepted_shows_no_outbox() {
        let mut rows = half_known();
        rows.change_last(|tables| _ = tables.outbox.remove(0));
        rows.sampled("no slot");
        let mut log = half_known();
        log.change_last(|tables| tables.outbox.clear());
        // What else a ledger of the lab's own would have to say of the first event is not there either.
        log.estrange();
        let row = log.tables.outbox[0].row.clone();
        log.unwrite("outbox_events", row);
        for story in [rows, log] {
            let said = broken(&story.history());
            assert!(
                said.iter()
                    .any(|said| said.starts_with("[outbox] never had a row")),
                "{said:?}"
            );
        }
    }
}
