//! Bid and event, commit by commit.

use std::collections::{HashMap, HashSet};

use super::purge::Purged;
use crate::history::EventSeen;
use crate::judge::auction::replay::{OutboxEvent, Replay, Step, Told, Turn};
use crate::judge::inquiry::Inquiry;

/// Judges every commit; returns which events retention has taken.
pub(super) fn judge(inquiry: &mut Inquiry, replay: &Replay<'_>, spoiled_allowed: bool) -> Purged {
    let mut purged = HashSet::new();
    for told in &replay.told {
        written_together(inquiry, told, spoiled_allowed);
        for step in &told.steps {
            match step {
                Step::Bid(turn) => stays(inquiry, told, turn),
                Step::Event(turn) => purged.extend(deleted(inquiry, told, turn)),
                Step::Emptied(table) => {
                    inquiry.fail(
                        "tables that were emptied",
                        format!("{}: {table}", name(told)),
                    );
                }
                _ => {}
            }
        }
    }
    Purged::Known(purged)
}

fn name(told: &Told<'_>) -> String {
    format!("transaction {}", told.commit.xid)
}

fn written_together(inquiry: &mut Inquiry, told: &Told<'_>, spoiled_allowed: bool) {
    let mut bids: HashMap<_, &EventSeen> = HashMap::new();
    let mut events = Vec::new();
    for step in &told.steps {
        match step {
            Step::Bid(Turn {
                before: None,
                after: Some(bid),
            }) => _ = bids.insert((bid.auction_id, bid.sequence), bid),
            Step::Event(turn) if turn.before.is_none() => events.extend(&turn.after),
            _ => {}
        }
    }
    for event in events {
        let Some(bid) = bids.remove(&(event.auction_id, event.sequence)) else {
            let example = format!("{}: event {}", name(told), event.id);
            inquiry.fail("events committed without their bid", example);
            continue;
        };
        let same = match &event.payload {
            Ok(said) => said == bid,
            Err(_) => spoiled_allowed,
        };
        if !same {
            let example = format!("{}: {bid:?} and {:?}", name(told), event.payload);
            inquiry.fail(
                "events committed with other content than their bid",
                example,
            );
        }
    }
    for bid in bids.into_values() {
        let example = format!("{}: bid {}", name(told), bid.bid_id);
        inquiry.fail("bids committed without their event", example);
    }
}

/// What was announced stays as it was.
fn stays(inquiry: &mut Inquiry, told: &Told<'_>, turn: &Turn<EventSeen>) {
    if let Some(bid) = &turn.before
        && turn.after.as_ref() != Some(bid)
    {
        let example = format!("{}: {bid:?} became {:?}", name(told), turn.after);
        inquiry.fail(
            "bids changed or deleted after their event was committed",
            example,
        );
    }
}

/// The bid of a deleted event, where it might be deleted.
fn deleted(inquiry: &mut Inquiry, told: &Told<'_>, turn: &Turn<OutboxEvent>) -> Option<uuid::Uuid> {
    let (Some(event), None) = (&turn.before, &turn.after) else {
        return None;
    };
    if event.status != "published" {
        let example = format!("{}: event {} was {}", name(told), event.id, event.status);
        inquiry.fail("events deleted that were not published", example);
        return None;
    }
    Some(event.payload.as_ref().ok()?.bid_id)
}
