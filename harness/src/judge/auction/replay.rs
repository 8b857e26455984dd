//! The ledger, told again: what each commit did to which row, with the row as it was before. Checkers see typed rows here,
//! and what does not fit together is said: a ledger with a hole in it must not be judged.

mod row;

use std::collections::HashMap;
use std::hash::Hash;

use uuid::Uuid;

use crate::history::{
    Change, Columns, Commit, History, Item, Key, LedgerState, Operation, Snapshot,
};
use crate::judge::basis::Unjudgeable;

use row::Malformed;
pub(crate) use row::{Lane, OutboxEvent, Received, Standing};

/// What one change did: the row before, where there was one, and after, where there is one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn<R> {
    pub before: Option<R>,
    pub after: Option<R>,
}

/// One change, by its table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Of `bids`; the event that announces a bid says the same as its row.
    Bid(Turn<Item>),
    /// Of `outbox_events`.
    Event(Box<Turn<OutboxEvent>>),
    /// Of `inbox`.
    Received(Turn<Received>),
    /// Of `standings`.
    Standing(Turn<Standing>),
    /// Of `relay_lanes`.
    Lane(Turn<Lane>),
    /// A whole table, by its name.
    Emptied(String),
}

/// A commit and what it did.
#[derive(Debug)]
pub(crate) struct Told<'h> {
    pub commit: &'h Commit,
    pub steps: Vec<Step>,
}

/// The tables as the ledger has them after its last commit.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub bids: HashMap<Uuid, Item>,
    pub events: HashMap<Uuid, OutboxEvent>,
    inbox: HashMap<Uuid, Received>,
    standings: HashMap<Key, Standing>,
    lanes: HashMap<i16, Lane>,
    /// What does not fit: rows that were changed before they came, or came twice.
    contradictions: Vec<String>,
}

/// Everything that was committed.
#[derive(Debug, Default)]
pub(crate) struct Replay<'h> {
    pub told: Vec<Told<'h>>,
    pub tables: Tables,
}

impl<'h> Replay<'h> {
    /// Tells a complete ledger; none where the run was only sampled. By a broken one, and by one that contradicts itself, no
    /// checker judges.
    pub(crate) fn of(history: &'h History) -> Result<Option<Self>, Unjudgeable> {
        match history.ledger() {
            LedgerState::Sampled(_) => return Ok(None),
            LedgerState::Broken(why) => return Err(Unjudgeable::Ledger(why.to_owned())),
            LedgerState::Complete => {}
        }
        let mut replay = Self::default();
        for commit in history.commits() {
            let taken = commit
                .changes
                .iter()
                .map(|change| replay.tables.take(change));
            let steps = taken
                .collect::<Result<_, _>>()
                .map_err(|why| Unjudgeable::Ledger(format!("transaction {}: {why}", commit.xid)))?;
            replay.told.push(Told { commit, steps });
        }
        if let Some(first) = replay.tables.contradictions.first() {
            let times = replay.tables.contradictions.len();
            let why = format!("{times} contradictions, the first: {first}");
            return Err(Unjudgeable::Ledger(why));
        }
        Ok(Some(replay))
    }
}

impl Tables {
    fn take(&mut self, change: &Change) -> Result<Step, Malformed> {
        if change.op == Operation::Truncate {
            self.empty(&change.table);
            return Ok(Step::Emptied(change.table.clone()));
        }
        let odd = &mut self.contradictions;
        Ok(match change.table.as_str() {
            "bids" => Step::Bid(turn(&mut self.bids, change, row::bid, odd)?),
            "outbox_events" => {
                Step::Event(Box::new(turn(&mut self.events, change, row::event, odd)?))
            }
            "inbox" => Step::Received(turn(&mut self.inbox, change, row::received, odd)?),
            "standings" => Step::Standing(turn(&mut self.standings, change, row::standing, odd)?),
            "relay_lanes" => {
                let (lane, _) = row::lane(&change.row, None)?;
                if change.op != Operation::Insert {
                    // The migration brings the lanes, before every ledger.
                    self.lanes.entry(lane).or_insert(Lane::FREE);
                }
                Step::Lane(turn(&mut self.lanes, change, row::lane, odd)?)
            }
            other => return Err(Malformed::Table(other.to_owned())),
        })
    }

    fn empty(&mut self, table: &str) {
        match table {
            "bids" => self.bids.clear(),
            "outbox_events" => self.events.clear(),
            "inbox" => self.inbox.clear(),
            "standings" => self.standings.clear(),
            _ => self.lanes.clear(),
        }
    }

    /// Rows that the last look shows and the ledger lacks. Where nothing moved any more, the reverse is a hole, too: the
    /// rows' end is missing.
    pub fn holes(&self, last: &Snapshot, quiet: bool) -> Vec<String> {
        let bids = last.stored.iter().map(|row| row.id);
        let events = last
            .outbox
            .iter()
            .map(|row| row.row.parse().unwrap_or_default());
        let received = last.effects.iter().map(|row| row.item.id);
        [
            difference("bids", &self.bids, bids, quiet),
            difference("events", &self.events, events, quiet),
            difference("bids of the inbox", &self.inbox, received, quiet),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Makes a row and its key of columns, and takes from the row before what an update did not repeat.
type Read<K, R> = fn(&Columns, Option<&R>) -> Result<(K, R), Malformed>;

/// Applies a change to its table.
fn turn<K, R>(
    rows: &mut HashMap<K, R>,
    change: &Change,
    read: Read<K, R>,
    contradictions: &mut Vec<String>,
) -> Result<Turn<R>, Malformed>
where
    K: Hash + Eq + std::fmt::Debug,
    R: Clone,
{
    let keyed = match change.old_key.is_empty() {
        true => &change.row,
        false => &change.old_key,
    };
    let (key, _) = read(keyed, None)?;
    let before = rows.remove(&key);
    let fits = (change.op == Operation::Insert) == before.is_none();
    if !fits {
        contradictions.push(format!(
            "{:?} of {} {key:?}, which {}",
            change.op,
            change.table,
            if before.is_some() {
                "was there"
            } else {
                "was not there"
            }
        ));
    }
    let after = match change.op {
        Operation::Delete => None,
        _ => {
            let (key, row) = read(&change.row, before.as_ref())?;
            rows.insert(key, row.clone());
            Some(row)
        }
    };
    Ok(Turn { before, after })
}

fn difference<R>(
    what: &str,
    known: &HashMap<Uuid, R>,
    shown: impl ExactSizeIterator<Item = Uuid>,
    quiet: bool,
) -> Option<String> {
    let rows = shown.len();
    let lacking = shown.filter(|id| !known.contains_key(id)).count();
    let beyond = known.len() + lacking != rows;
    (lacking > 0 || (quiet && beyond)).then(|| {
        format!(
            "by the ledger there are {} {what}; the last look shows {rows}, {lacking} of them unknown to the ledger",
            known.len()
        )
    })
}

#[cfg(test)]
mod tests;
