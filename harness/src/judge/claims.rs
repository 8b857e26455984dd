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
    let heard: BTreeSet<Uuid> = history
        .deliveries()
        .filter_map(|(_, delivery)| Some(delivery.item.as_ref().ok()?.id))
        .collect();
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
}
