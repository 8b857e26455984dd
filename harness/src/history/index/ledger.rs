//! The ledger's part of a history, and how much it says.

use super::History;
use crate::history::{Commit, Event};

/// Where the ledger's entries are.
#[derive(Debug, Clone, Default)]
pub(super) struct LedgerIndex {
    opened: Option<usize>,
    commits: Vec<usize>,
    closed: Option<usize>,
    sampled: Option<String>,
}

/// How much is known of what was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerState<'h> {
    /// Everything.
    Complete,
    /// It was opened and, for this reason, does not say everything: the lab broke.
    Broken(&'static str),
    /// Nothing but what snapshots show, and why.
    Sampled(&'h str),
}

impl LedgerIndex {
    /// Takes an entry, if it is the ledger's; returns what is odd about it.
    pub fn take(&mut self, position: usize, event: &Event) -> Option<String> {
        match event {
            Event::LedgerOpened { .. } if self.opened.is_some() => {
                return Some("the ledger was opened twice".to_owned());
            }
            Event::LedgerOpened { .. } => self.opened = Some(position),
            Event::Committed(_) => self.commits.push(position),
            Event::LedgerClosed { commits } => {
                self.closed = Some(position);
                let recorded = self.commits.len();
                return (*commits != recorded as u64).then(|| {
                    format!("the ledger has {recorded} commits and was closed with {commits}")
                });
            }
            Event::Sampled { why } => self.sampled = Some(why.clone()),
            _ => {}
        }
        None
    }

    fn state(&self) -> LedgerState<'_> {
        match (self.opened, self.closed, &self.sampled) {
            (Some(opened), Some(closed), None) => {
                let outside = |at: &usize| *at < opened || *at > closed;
                match self.commits.iter().any(outside) {
                    true => LedgerState::Broken("it has commits from outside of its time"),
                    false => LedgerState::Complete,
                }
            }
            (None, None, Some(why)) => LedgerState::Sampled(why),
            (None, None, None) if self.commits.is_empty() => {
                LedgerState::Sampled("the history was recorded without a ledger")
            }
            (Some(_), None, None) => LedgerState::Broken("it was not closed"),
            _ => LedgerState::Broken("it was kept and sampled at once, or never opened"),
        }
    }
}

impl History {
    /// Every commit of the run, in commit order.
    pub fn commits(&self) -> impl Iterator<Item = &Commit> {
        let at = |position: &usize| match &self.entries[*position].event {
            Event::Committed(commit) => Some(commit),
            _ => None,
        };
        self.ledger.commits.iter().filter_map(at)
    }

    /// How much is known of what was committed.
    pub fn ledger(&self) -> LedgerState<'_> {
        self.ledger.state()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Entry;

    fn history(events: Vec<Event>) -> History {
        let stamped = events.into_iter().enumerate();
        let entries = stamped.map(|(at, event)| Entry {
            at_us: at as u64,
            event,
        });
        History::new(entries.collect(), None)
    }

    fn commit() -> Event {
        Event::Committed(Commit {
            xid: 7,
            committed_at_us: 1,
            changes: Vec::new(),
            others: 1,
        })
    }

    #[test]
    fn a_ledger_is_complete_from_its_opening_to_its_closing() {
        let opened = || Event::LedgerOpened { took_ms: 20 };
        let closed = |commits| Event::LedgerClosed { commits };
        let whole = history(vec![opened(), commit(), closed(1)]);
        assert_eq!(
            (whole.ledger(), whole.oddities()),
            (LedgerState::Complete, &[][..])
        );
        let lost = history(vec![opened(), commit(), closed(2)]);
        assert_eq!(
            lost.oddities(),
            ["the ledger has 1 commits and was closed with 2"]
        );
        let twice = history(vec![opened(), opened(), closed(0)]);
        assert_eq!(twice.oddities(), ["the ledger was opened twice"]);
        let broken = |events| matches!(history(events).ledger(), LedgerState::Broken(_));
        assert!(broken(vec![opened(), closed(0), commit()]));
        assert!(broken(vec![opened(), commit()]));
        assert!(broken(vec![commit(), closed(1)]));
        let why = "no slot".to_owned();
        assert!(broken(vec![opened(), Event::Sampled { why }, closed(0)]));
    }

    #[test]
    fn an_earlier_labs_history_is_sampled() {
        let why = "the history was recorded without a ledger";
        assert_eq!(
            history(vec![Event::Healed]).ledger(),
            LedgerState::Sampled(why)
        );
    }
}
