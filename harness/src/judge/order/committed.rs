//! Places by commits: where neither the lab's number nor the message says an operation's place in its key, it is the order in
//! which its transaction committed.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::history::{Event, History, Key};
use crate::judge::basis::Unjudgeable;
use crate::judge::commits::Step;
use crate::judge::ledger;

/// First deliveries with the number of the commit that wrote their events in place of what they said; those of which no commit
/// is known are left out.
pub(super) fn of(
    history: &History,
    orders: BTreeMap<Key, Vec<(i64, usize)>>,
) -> Result<BTreeMap<Key, Vec<(i64, usize)>>, Unjudgeable> {
    let Some(told) = ledger::told(history)? else {
        return Err(Unjudgeable::NotShown(
            "writes of a key overlap, no message says its place, and the server's log was not read",
        ));
    };
    let mut numbers: HashMap<Uuid, i64> = HashMap::new();
    for (number, told) in (1..).zip(&told) {
        for step in &told.steps {
            let id = match step {
                Step::Stored(item) => Some(item.id),
                Step::Announced(event) => event.of,
                _ => None,
            };
            if let Some(id) = id {
                numbers.entry(id).or_insert(number);
            }
        }
    }
    let number = |position: usize| match &history.entries()[position].event {
        Event::Delivered(delivery) => {
            let item = delivery.item.as_ref().ok()?;
            numbers.get(&item.id).copied()
        }
        _ => None,
    };
    let by_commit = |order: Vec<(i64, usize)>| {
        let known = order.into_iter();
        known
            .filter_map(|(_, position)| Some((number(position)?, position)))
            .collect()
    };
    let orders = orders.into_iter();
    Ok(orders.map(|(key, order)| (key, by_commit(order))).collect())
}
