//! Operation and event, commit by commit.

use std::collections::{HashMap, HashSet};

use crate::history::{Item, State};
use crate::judge::commits::{Announced, Step, Told};
use crate::judge::inquiry::Inquiry;

/// Judges every commit.
pub(super) fn judge(inquiry: &mut Inquiry, told: &[Told], spoiled_allowed: bool) {
    for told in told {
        written_together(inquiry, told, spoiled_allowed);
        for step in &told.steps {
            let name = format!("transaction {}", told.xid);
            match step {
                Step::Unstored(before, after) => inquiry.fail(
                    "operations changed or deleted after their event was committed",
                    format!("{name}: {before:?} became {after:?}"),
                ),
                Step::Forgotten(event, state) if *state != State::Sent => inquiry.fail(
                    "events deleted that were not sent",
                    format!("{name}: event {} was {state}", event.row),
                ),
                Step::Emptied(table) => {
                    inquiry.fail("tables that were emptied", format!("{name}: {table}"));
                }
                _ => {}
            }
        }
    }
}

fn written_together(inquiry: &mut Inquiry, told: &Told, spoiled_allowed: bool) {
    let name = format!("transaction {}", told.xid);
    let mut stored: HashMap<_, &Item> = HashMap::new();
    let mut events: Vec<&Announced> = Vec::new();
    for step in &told.steps {
        match step {
            Step::Stored(item) => _ = stored.insert(item.id, item),
            Step::Announced(event) => events.push(event),
            _ => {}
        }
    }
    let mut announced = HashSet::new();
    for event in events {
        let Some(item) = event.of.and_then(|id| stored.get(&id)) else {
            let example = format!("{name}: event {}", event.row);
            inquiry.fail("events committed without their operation", example);
            continue;
        };
        announced.insert(item.id);
        let same = match &event.item {
            Ok(said) => said == *item,
            Err(_) => spoiled_allowed,
        };
        if !same {
            let example = format!("{name}: {item:?} and {:?}", event.item);
            inquiry.fail(
                "events committed with other content than their operation",
                example,
            );
        }
    }
    for item in stored
        .into_values()
        .filter(|item| !announced.contains(&item.id))
    {
        let example = format!("{name}: {}", item.id);
        inquiry.fail("operations committed without their event", example);
    }
}
