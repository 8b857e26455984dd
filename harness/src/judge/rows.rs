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
