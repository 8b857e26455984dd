//! From what was asked for to what took effect: how many operations came how far, and what became of the others.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::history::{History, Last, Op, Outcome, Shows, State};

/// One station of an operation's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What is counted.
    pub name: &'static str,
    /// How many operations.
    pub count: usize,
    /// Why they are not as many as at the station before: how many, and what became of them.
    pub because: Vec<(usize, String)>,
}

/// A set of operations, and what they are called.
type Station = (&'static str, HashSet<Uuid>);

/// The stations that this run shows.
pub(super) fn of(history: &History) -> Vec<Stage> {
    let (Some(last), Some(subject)) = (history.last(), history.subject()) else {
        return Vec::new();
    };
    let mut stations = vec![("asked for", asked(history))];
    stations.extend(at_rest(last, subject.shows));
    stations.extend(on_the_way(history));
    stations.push(("heard by the witness", heard(history)));
    if subject.shows.effects {
        let effects = last.tables.effects.iter().filter(|effect| effect.times > 0);
        stations.push(("applied", effects.map(|effect| effect.item.id).collect()));
    }
    let mut stages = Vec::new();
    let mut before: Option<&HashSet<Uuid>> = None;
    for (name, here) in &stations {
        let because = before.map_or_else(Vec::new, |before| {
            let lost = before.difference(here).copied();
            let mut because = counted(lost, |id| became(history, last, name, id));
            let new = here.difference(before).count();
            if new > 0 {
                because.push((new, "not seen at the station before".to_owned()));
            }
            because
        });
        stages.push(Stage {
            name,
            count: here.len(),
            because,
        });
        before = Some(here);
    }
    stages
}

fn asked(history: &History) -> HashSet<Uuid> {
    history.ops().values().map(|op| op.asked.id).collect()
}

/// As the tables show it in the end.
fn at_rest(last: Last<'_>, shows: Shows) -> Vec<Station> {
    let stored = last.tables.stored.iter().map(|item| item.id);
    let rows = last.tables.outbox.iter().filter_map(|row| row.announces());
    let stored = shows.stored.then(|| ("stored", stored.collect()));
    // Where rows leave the outbox what is left there says nothing of those that were there.
    let kept = shows.outbox && !shows.rows_leave;
    let rows = kept.then(|| ("rows of the outbox", rows.collect()));
    stored.into_iter().chain(rows).collect()
}

/// As the taps have seen it. A target whose messages they cannot read has none of these stations.
fn on_the_way(history: &History) -> Vec<Station> {
    ["publish", "confirm"]
        .into_iter()
        .zip(["published", "confirmed"])
        .filter_map(|(what, name)| {
            let passing = history.passing().filter(|passing| passing.what == what);
            let ops: HashSet<Uuid> = passing.flat_map(|passing| passing.ops).copied().collect();
            (!ops.is_empty()).then_some((name, ops))
        })
        .collect()
}

fn heard(history: &History) -> HashSet<Uuid> {
    let heard = history.deliveries().filter_map(|(_, delivery)| {
        let item = delivery.item.as_ref().ok()?;
        Some(item.id)
    });
    heard.collect()
}

/// What became of an operation that did not come to this station.
fn became(history: &History, last: Last<'_>, station: &str, id: Uuid) -> String {
    let row = || last.event_of(id).map(|row| row.state);
    match (station, row()) {
        ("stored", _) => answered(history, id).to_owned(),
        ("published", Some(State::Sent)) => {
            "sent by the outbox's word, and not seen on the way".into()
        }
        ("published", Some(state)) => format!("{state} in the end"),
        ("confirmed", Some(state)) => format!("no confirm of them was seen; {state} in the end"),
        ("rows of the outbox", None) if is_unreadable(last, id) => {
            "in a row that cannot be read".to_owned()
        }
        ("applied", _) => "without effect in the end".to_owned(),
        (_, Some(state)) => format!("{state} in the outbox, and not there"),
        (_, None) => "not there".to_owned(),
    }
}

/// Whether a row stands in its place that does not say what it announces.
fn is_unreadable(last: Last<'_>, id: Uuid) -> bool {
    let stored = last.stored(id);
    stored.is_some_and(|stored| {
        let rows = &mut last.tables.outbox.iter();
        rows.any(|row| row.item.is_err() && (row.key, row.n) == (stored.key, stored.n))
    })
}

/// The best that its clients were told.
fn answered(history: &History, id: Uuid) -> &'static str {
    let ops = || history.ops_of(id).map(|(_, op)| op);
    let refused = |op: &Op| matches!(op.outcome(), Some(Outcome::Refused { .. }));
    if ops().any(Op::is_accepted) {
        "accepted, and not stored"
    } else if ops().any(refused) {
        "refused"
    } else {
        "never answered definitely, and not stored"
    }
}

fn counted(ids: impl Iterator<Item = Uuid>, what: impl Fn(Uuid) -> String) -> Vec<(usize, String)> {
    let mut by: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids {
        *by.entry(what(id)).or_default() += 1;
    }
    by.into_iter().map(|(what, count)| (count, what)).collect()
}
