//! The stations of an operation's way, from what was asked for to what took effect: how many came how far, and what became of
//! the others. What the lab asks for itself, to see whether the system is there, is not among them.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::{
    history::{History, Key, Last, Op, Outcome, State},
    judge::{
        commits::forgotten,
        ledger,
        struck::{Came, Struck},
    },
};

/// One station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// What is counted.
    pub name: &'static str,
    /// How many operations.
    pub count: usize,
    /// Why they are not as many as at the station before: how many, and what became of them.
    pub because: Vec<(usize, String)>,
}

const ROWS: &str = "in the outbox, or sent and deleted";
const PUBLISHED: &str = "publish seen";
const CONFIRMED: &str = "confirm seen";
const APPLIED: &str = "applied";

/// The stations that this run shows; none where it did not come to its end.
pub(super) fn of(history: &History, own: &HashSet<Uuid>) -> Vec<Station> {
    let Some(way) = Way::of(history) else {
        return Vec::new();
    };
    let mut stations = Vec::new();
    let mut before: Option<HashSet<Uuid>> = None;
    for (name, all) in way.stations() {
        let here: HashSet<Uuid> = all.difference(own).copied().collect();
        let because = before.as_ref().map_or_else(Vec::new, |before| {
            // The first station after what was asked for is where an answer decides.
            let first = stations.len() == 1;
            let lost = before.difference(&here).copied();
            let mut because = counted(lost.map(|id| way.became(name, first, id)));
            let new = here.difference(before).count();
            if new > 0 {
                because.push((new, "not seen at the station before".to_owned()));
            }
            because
        });
        stations.push(Station {
            name,
            count: here.len(),
            because,
        });
        before = Some(here);
    }
    stations
}

/// What a history shows of operations' ways.
struct Way<'h> {
    history: &'h History,
    last: Last<'h>,
    /// Where rows stand that do not say what they announce.
    unreadable: HashSet<(Key, i64)>,
}

impl<'h> Way<'h> {
    fn of(history: &'h History) -> Option<Self> {
        let last = history.last()?;
        let rows = last.tables.outbox.iter().filter(|row| row.item.is_err());
        Some(Self {
            history,
            last,
            unreadable: rows.map(|row| (row.key, row.n)).collect(),
        })
    }

    /// Each with the operations that came to it.
    fn stations(&self) -> Vec<(&'static str, HashSet<Uuid>)> {
        let Some(shows) = self.history.subject().map(|subject| subject.shows) else {
            return Vec::new();
        };
        let tables = self.last.tables;
        let ops = self.history.ops().values();
        let mut stations = vec![("asked for", ops.map(|op| op.asked.id).collect())];
        if shows.stored {
            stations.push(("stored", tables.stored.iter().map(|item| item.id).collect()));
        }
        // Where rows leave the outbox what is left there says nothing of those that were there.
        if shows.outbox && !shows.rows_leave {
            let rows = tables.outbox.iter().filter_map(|row| row.announces());
            stations.push((ROWS, rows.chain(self.deleted()).collect()));
        }
        // A target whose messages the taps cannot read has neither.
        for (what, name) in [("publish", PUBLISHED), ("confirm", CONFIRMED)] {
            let seen = self.seen(what);
            if !seen.is_empty() {
                stations.push((name, seen));
            }
        }
        stations.push(("heard by the witness", self.history.heard().collect()));
        if shows.effects {
            let effects = tables.effects.iter().filter(|effect| effect.times > 0);
            stations.push((APPLIED, effects.map(|effect| effect.item.id).collect()));
        }
        stations
    }

    /// What retention has deleted. Where the server shows no commits nobody knows.
    fn deleted(&self) -> HashSet<Uuid> {
        match ledger::told(self.history) {
            Ok(Some(told)) => forgotten(&told),
            _ => HashSet::new(),
        }
    }

    /// What went on as it was.
    fn seen(&self, what: &str) -> HashSet<Uuid> {
        let Ok(struck) = Struck::of(self.history) else {
            return HashSet::new();
        };
        let passing = self.history.passing().filter(|passing| {
            let whole = || struck.came(passing.by, passing.what) == Came::Whole;
            passing.what == what && (!passing.struck || whole())
        });
        passing.flat_map(|passing| passing.ops).copied().collect()
    }

    /// What became of an operation that did not come to this station.
    fn became(&self, station: &str, first: bool, id: Uuid) -> String {
        let stored = || self.last.stored(id);
        let unreadable = || {
            let place = stored().map(|item| (item.key, item.n));
            place.is_some_and(|place| self.unreadable.contains(&place))
        };
        match (station, self.last.event_of(id).map(|row| row.state)) {
            _ if first => self.answered(id).to_owned(),
            (PUBLISHED | CONFIRMED, Some(State::Sent)) => "sent by the outbox's word".to_owned(),
            (APPLIED, _) => "without effect in the end".to_owned(),
            (_, Some(state)) => format!("{state} in the end"),
            (_, None) if unreadable() => "in a row that cannot be read".to_owned(),
            (_, None) => "not there".to_owned(),
        }
    }

    /// The best that its clients were told.
    fn answered(&self, id: Uuid) -> &'static str {
        let ops = || self.history.ops_of(id).map(|(_, op)| op);
        let refused = |op: &Op| matches!(op.outcome(), Some(Outcome::Refused { .. }));
        if ops().any(Op::is_accepted) {
            "accepted, and not there"
        } else if ops().any(refused) {
            "refused"
        } else {
            "never answered definitely, and not there"
        }
    }
}

fn counted(said: impl Iterator<Item = String>) -> Vec<(usize, String)> {
    let mut by: BTreeMap<String, usize> = BTreeMap::new();
    for what in said {
        *by.entry(what).or_default() += 1;
    }
    by.into_iter().map(|(what, count)| (count, what)).collect()
}
