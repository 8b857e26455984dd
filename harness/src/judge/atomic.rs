//! Operation and event are written together: each commit that stores an operation writes exactly its one event with the same
//! content, and the reverse; and in every snapshot, also in the middle of the run, each stored operation has its event row,
//! and each event row its operation. Only retention takes an event away again, and only after it was sent.

mod commits;
mod purge;

use std::collections::HashMap;

use crate::history::{History, Item, OutboxRow, Rules, Snapshot};
use crate::judge::basis::{Unjudgeable, last, names, sampled_or_exact, scenario, shown, subject};
use crate::judge::inquiry::Inquiry;
use crate::judge::ledger;
use crate::judge::verdict::Finding;
use purge::Purged;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    last(history)?;
    let subject = subject(history)?;
    let shows = subject.shows;
    shown(shows.outbox, "there is no [outbox]")?;
    shown(shows.stored, "[look] has no business")?;
    let terms = Terms {
        spoiled_allowed: names(scenario(history)?, "events_failed"),
        one_event: subject.rules == Rules::Own,
    };
    let mut inquiry = Inquiry::new("atomic");
    let told = ledger::told(history)?;
    shown(
        told.is_some() || !shows.rows_leave,
        "rows leave the outbox, and the server's log was not read",
    )?;
    let mut purged = match &told {
        Some(told) => {
            inquiry.count("commits", told.len());
            commits::judge(&mut inquiry, told, terms.spoiled_allowed);
            Purged::known(told)
        }
        None => Purged::possible(history),
    };
    let mut rows = 0;
    for (number, snapshot) in history.snapshots().enumerate() {
        inquiry.count("snapshots", 1);
        rows += snapshot.stored.len() + snapshot.outbox.len();
        compare(&mut inquiry, number + 1, snapshot, &purged, &terms);
        purged.look(snapshot);
    }
    Ok(sampled_or_exact(
        inquiry.conclude(rows, "rows over all snapshots"),
        history,
    ))
}

/// What is legal in this run.
struct Terms {
    /// An event may say nothing that can be read.
    spoiled_allowed: bool,
    /// Each operation has exactly one.
    one_event: bool,
}

fn compare(
    inquiry: &mut Inquiry,
    number: usize,
    snapshot: &Snapshot,
    purged: &Purged,
    terms: &Terms,
) {
    let mut events: HashMap<_, Vec<&OutboxRow>> = HashMap::new();
    let mut spoiled = HashMap::new();
    for event in &snapshot.outbox {
        match &event.item {
            Ok(item) => events.entry(item.id).or_default().push(event),
            // What a scenario spoils on purpose still has its place, and by it its operation.
            Err(_) if terms.spoiled_allowed => _ = spoiled.insert((event.key, event.n), event),
            Err(why) => {
                let example = format!("snapshot {number}: event {}: {why}", event.row);
                let what = "events of which nobody can say what they are";
                inquiry.fail_once(what, event.row.clone(), example);
            }
        }
    }
    for item in &snapshot.stored {
        let of_it = events.remove(&item.id).unwrap_or_default();
        match of_it.as_slice() {
            [] if spoiled.remove(&(item.key, item.n)).is_some() => {}
            [] if purged.may_be(item.id) => inquiry.count("events purged", 1),
            [] => inquiry.fail_once(
                "operations without an event",
                item.id.to_string(),
                format!("snapshot {number}: {} has no event", item.id),
            ),
            [event] if !same(item, event) => inquiry.fail_once(
                "events with other content than their operation",
                item.id.to_string(),
                format!("snapshot {number}: {item:?} and {event:?}"),
            ),
            [_] => {}
            several if !terms.one_event && several.iter().all(|event| same(item, event)) => {}
            several => inquiry.fail_once(
                "operations with several events",
                item.id.to_string(),
                format!(
                    "snapshot {number}: {} has {} events",
                    item.id,
                    several.len()
                ),
            ),
        }
    }
    let without = events.into_values().flatten().chain(spoiled.into_values());
    for event in without {
        let example = format!("snapshot {number}: event {} has no operation", event.row);
        inquiry.fail_once("events without an operation", event.row.clone(), example);
    }
}

fn same(item: &Item, event: &OutboxRow) -> bool {
    (event.key, event.n) == (item.key, item.n) && event.item.as_ref() == Ok(item)
}

#[cfg(test)]
mod tests;
