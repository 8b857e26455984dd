//! The ledger of a target of which nothing is known but which tables mean what: an operation is in a row if its id is.

use uuid::Uuid;

use super::commits::{Announced, Step, Told};
use crate::ask::id::Id;
use crate::history::{Change, Columns, History, Item, Key, LedgerState, Operation, State};
use crate::judge::basis::{Unjudgeable, subject};

/// Every commit; none where the run was only sampled.
pub(super) fn told(history: &History) -> Result<Option<Vec<Told>>, Unjudgeable> {
    match history.ledger() {
        LedgerState::Sampled(_) => return Ok(None),
        LedgerState::Broken(why) => return Err(Unjudgeable::Ledger(why.to_owned())),
        LedgerState::Complete => {}
    }
    let tables = &subject(history)?.tables;
    let mut outbox = Outbox::default();
    let commits = history.commits().map(|commit| {
        let mut steps = Vec::new();
        for change in &commit.changes {
            let is = |name: &Option<String>| name.as_deref() == Some(change.table.as_str());
            if is(&tables.stored) && change.op == Operation::Insert {
                steps.extend(
                    change
                        .ids
                        .iter()
                        .filter_map(|id| item(*id))
                        .map(Step::Stored),
                );
            }
            if is(&tables.outbox) {
                outbox.take(change, &mut steps);
            }
        }
        Told {
            xid: commit.xid,
            steps,
        }
    });
    Ok(Some(commits.collect()))
}

/// An operation, by its id alone.
fn item(id: Uuid) -> Option<Item> {
    let read = Id::of(id)?;
    Some(Item {
        id,
        key: Key::numbered(read.key),
        n: i64::from(read.number),
        content: Default::default(),
    })
}

/// The rows of the outbox that are there, with their operations. A row that is deleted shows nothing but its key.
#[derive(Default)]
struct Outbox(Vec<(Columns, Vec<Uuid>)>);

impl Outbox {
    fn take(&mut self, change: &Change, steps: &mut Vec<Step>) {
        match change.op {
            Operation::Insert => {
                let items = change.ids.iter().filter_map(|id| item(*id));
                steps.extend(items.map(announced).map(Step::Announced));
                self.0.push((change.row.clone(), change.ids.clone()));
            }
            Operation::Update => {
                let key = match change.old_key.is_empty() {
                    true => None,
                    false => Some(&change.old_key),
                };
                if let Some(at) = key.and_then(|key| self.find(key)) {
                    self.0[at].0.extend(change.row.clone());
                }
            }
            Operation::Delete => {
                if let Some(at) = self.find(&change.row) {
                    let (_, ids) = self.0.swap_remove(at);
                    let gone = ids.into_iter().filter_map(item).map(announced);
                    steps.extend(gone.map(|event| Step::Forgotten(event, State::Sent)));
                }
            }
            Operation::Truncate => {
                let gone = self.0.drain(..).flat_map(|(_, ids)| ids);
                let gone = gone.filter_map(item).map(announced);
                steps.extend(gone.map(|event| Step::Forgotten(event, State::Sent)));
            }
        }
    }

    /// The row with this key, the latest first.
    fn find(&self, key: &Columns) -> Option<usize> {
        let has = |row: &Columns| key.iter().all(|(name, value)| row.get(name) == Some(value));
        self.0.iter().rposition(|(row, _)| has(row))
    }
}

fn announced(item: Item) -> Announced {
    Announced {
        row: String::new(),
        of: Some(item.id),
        item: Ok(item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{
        Story,
        columns::{change, is},
    };

    fn steps(story: &Story) -> Vec<Step> {
        let told = told(&story.history()).expect("a log").expect("commits");
        told.into_iter().flat_map(|told| told.steps).collect()
    }

    /// The operations whose events went, in their order.
    fn gone(story: &Story) -> Vec<Uuid> {
        let of = |step: Step| match step {
            Step::Forgotten(event, State::Sent) => event.of,
            _ => None,
        };
        steps(story).into_iter().filter_map(of).collect()
    }

    /// A row of the outbox, whose key has two columns, about an operation.
    fn row(op: Operation, batch: u8, part: u8, number: Option<u128>) -> Change {
        let columns = [("batch", is(batch)), ("part", is(part))];
        Change {
            ids: number.map(Story::id).into_iter().collect(),
            ..change("outbox_events", op, &columns)
        }
    }

    fn with(changes: Vec<Change>) -> Story {
        let mut story = Story::of_a_stranger();
        story.commit_last(changes);
        story
    }

    #[test]
    fn an_operation_is_in_the_rows_that_have_its_id() {
        let story = Story::of_a_stranger();
        let item = |number| item(Story::id(number)).expect("an id of the lab's");
        let written = |number| {
            [
                Step::Stored(item(number)),
                Step::Announced(announced(item(number))),
            ]
        };
        assert_eq!(steps(&story), [written(1), written(2), written(3)].concat());
        // What is in another table, and an id that is nobody's, says nothing.
        let mut elsewhere = row(Operation::Insert, 1, 1, Some(4));
        elsewhere.table = "audit".to_owned();
        let mut nobodys = row(Operation::Insert, 1, 1, None);
        nobodys.ids.push(Uuid::max());
        let mut touched = row(Operation::Update, 1, 1, Some(4));
        touched.table = Story::STORED.to_owned();
        assert_eq!(
            steps(&with(vec![elsewhere, nobodys, touched])),
            steps(&story)
        );
    }

    #[test]
    fn a_deleted_row_is_known_by_its_whole_key_the_latest_first() {
        use Operation::{Delete, Insert};
        let mut changes = vec![
            row(Insert, 1, 1, Some(5)),
            row(Insert, 1, 2, Some(6)),
            row(Insert, 2, 2, Some(7)),
        ];
        changes.push(row(Delete, 1, 2, None));
        assert_eq!(gone(&with(changes.clone())), [Story::id(6)]);
        changes.push(row(Delete, 1, 2, None));
        assert_eq!(
            gone(&with(changes.clone())),
            [Story::id(6)],
            "it is gone already"
        );
        changes.push(row(Insert, 2, 2, Some(8)));
        changes.push(row(Delete, 2, 2, None));
        assert_eq!(gone(&with(changes)), [6, 8].map(Story::id));
    }

    #[test]
    fn a_row_whose_key_was_changed_is_known_by_the_new_one() {
        use Operation::{Delete, Insert, Update};
        let mut moved = row(Update, 1, 2, None);
        moved.old_key = row(Update, 1, 1, None).row;
        let changes = |last: Change| vec![row(Insert, 1, 1, Some(5)), moved.clone(), last];
        assert_eq!(
            gone(&with(changes(row(Delete, 1, 2, None)))),
            [Story::id(5)]
        );
        let unmoved = gone(&with(changes(row(Delete, 1, 1, None))));
        assert_eq!(unmoved, Vec::<Uuid>::new());
        let touched = vec![
            row(Insert, 1, 1, Some(5)),
            row(Update, 1, 1, None),
            row(Delete, 1, 1, None),
        ];
        assert_eq!(gone(&with(touched)), [Story::id(5)]);
    }

    #[test]
    fn an_outbox_that_is_emptied_loses_every_event() {
        let emptied = change("outbox_events", Operation::Truncate, &[]);
        let story = with(vec![emptied.clone(), emptied]);
        assert_eq!(gone(&story), [1, 2, 3].map(Story::id));
    }

    #[test]
    fn a_log_that_was_not_read_or_is_broken_tells_nothing() {
        let mut story = Story::of_a_stranger();
        story.drop_events(|event| matches!(event, crate::history::Event::LedgerClosed { .. }));
        assert!(matches!(
            told(&story.history()),
            Err(Unjudgeable::Ledger(_))
        ));
        story.sampled("no slot");
        assert!(matches!(told(&story.history()), Ok(None)));
    }
}
