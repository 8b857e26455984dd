//! Runs of a target of which nothing is known but which tables mean what.

use uuid::Uuid;

use super::{Event, Story, columns::is};
use crate::history::{Change, Operation, Rules};

impl Story {
    /// A clean run of one.
    pub(crate) fn of_a_stranger() -> Self {
        let mut story = Self::clean();
        story.estrange();
        story
    }

    /// The run that was told was one of a stranger's: of rows only the operations in them are known.
    pub(crate) fn estrange(&mut self) {
        self.subject(|subject| {
            subject.rules = Rules::None;
            subject.tables.stored = is(Self::STORED);
            subject.tables.outbox = is("outbox_events");
        });
        let rows = self.tables.outbox.iter();
        let rows: Vec<_> = rows.map(|row| (is(&row.row), row.announces())).collect();
        let told = |change: &Change| -> Option<Uuid> {
            match change.table.as_str() {
                Self::STORED => change.row.get("bid_id")?.as_ref()?.parse().ok(),
                _ => {
                    let id = change.row.get("id")?;
                    rows.iter().find(|(row, _)| row == id)?.1
                }
            }
        };
        for event in &mut self.events {
            if let Event::Committed(commit) = event {
                for change in &mut commit.changes {
                    if change.op == Operation::Insert {
                        change.ids.extend(told(change));
                    }
                }
            }
        }
    }
}
