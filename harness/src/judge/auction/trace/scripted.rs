//! A commit, in the model's own actions.

use std::collections::BTreeMap;

use crate::judge::auction::model::{Action, AuctionNo, EventNo, LaneNo, Status};
use crate::judge::auction::replay::Lane;

/// A commit, as the model takes it.
#[derive(Debug, Default)]
pub(super) struct Scripted {
    pub xid: u32,
    pub at_us: i64,
    /// Events that it stores.
    pub stored: Vec<EventNo>,
    /// What else it does, in order.
    pub actions: Vec<Action>,
    /// As the rows are afterwards.
    pub events: Vec<(EventNo, Status, bool)>,
    pub standings: BTreeMap<AuctionNo, u32>,
    /// How often lanes that matter here had been recalled by then.
    pub recalls: Vec<(LaneNo, i64)>,
    /// What nobody can do.
    pub odd: Option<String>,
    /// Claims whose snapshots are taken when this has been committed, with what they will take.
    pub looks: Vec<(Action, Vec<EventNo>)>,
}

impl Scripted {
    /// Something must have passed between processes and broker before.
    pub fn needs_the_wire(&self) -> bool {
        let needs = |action: &Action| match action {
            Action::Mark { .. } => true,
            Action::Receive { new, .. } => !new.is_empty(),
            _ => false,
        };
        self.actions.iter().any(needs)
    }

    /// A lane's lease has ended before this commit, by more than a statement takes that has found it alive; none is known to take so long
    /// where it may take any time.
    pub fn expires(&mut self, row: &Lane, statement_us: Option<i64>) {
        let lane = row.number;
        let ended = statement_us
            .is_some_and(|longest| row.lease_until_us.saturating_add(longest) < self.at_us);
        if row.owner.is_some() && ended {
            self.actions.push(Action::Expire { lane });
        }
    }
}
