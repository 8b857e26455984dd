//! The auction service's ledger in neutral words.

use uuid::Uuid;

use super::replay::{self, OutboxEvent, Replay, Turn};
use crate::history::{History, Item, Last, State};
use crate::judge::basis::Unjudgeable;
use crate::judge::commits::{Announced, Step, Told};

/// Every commit; none where the run was only sampled.
pub(in crate::judge) fn all(history: &History) -> Result<Option<Vec<Told>>, Unjudgeable> {
    let replay = Replay::of(history)?;
    Ok(replay.map(|replay| replay.told.iter().map(told).collect()))
}

/// What the ledger lacks, by itself and beside the last snapshot.
pub(in crate::judge) fn holes(history: &History) -> Vec<String> {
    match Replay::of(history) {
        Ok(None) => Vec::new(),
        Ok(Some(replay)) => {
            let quiet = history.recovered_after_ms().is_some();
            let beside = |last: Last<'_>| replay.tables.holes(last.tables, quiet);
            history.last().map(beside).unwrap_or_default()
        }
        Err(why) => vec![why.to_string()],
    }
}

fn told(told: &replay::Told<'_>) -> Told {
    let steps = told.steps.iter().filter_map(|step| match step {
        replay::Step::Bid(turn) => bid(turn),
        replay::Step::Event(turn) => event(told, turn),
        replay::Step::Emptied(table) => Some(Step::Emptied(table.clone())),
        _ => None,
    });
    Told {
        xid: told.commit.xid,
        steps: steps.collect(),
    }
}

fn bid(turn: &Turn<Item>) -> Option<Step> {
    match (&turn.before, &turn.after) {
        (None, Some(bid)) => Some(Step::Stored(bid.clone())),
        (Some(before), after) if after.as_ref() != Some(before) => {
            Some(Step::Unstored(before.clone(), after.clone()))
        }
        _ => None,
    }
}

fn event(told: &replay::Told<'_>, turn: &Turn<OutboxEvent>) -> Option<Step> {
    match (&turn.before, &turn.after) {
        (None, Some(event)) => Some(Step::Announced(announced(event, in_place(told, event)))),
        (Some(event), None) => {
            let said = event.item.as_ref().ok().map(|item| item.id);
            let state = state(&event.status).unwrap_or(State::Waiting);
            Some(Step::Forgotten(announced(event, said), state))
        }
        _ => None,
    }
}

fn announced(event: &OutboxEvent, of: Option<Uuid>) -> Announced {
    Announced {
        row: event.id.to_string(),
        of,
        item: event.item.clone(),
    }
}

/// The bid that the same transaction stored in the event's place: a payload that a scenario spoils on purpose still has
/// that.
fn in_place(told: &replay::Told<'_>, event: &OutboxEvent) -> Option<Uuid> {
    told.steps.iter().find_map(|step| match step {
        replay::Step::Bid(turn) => turn
            .after
            .as_ref()
            .filter(|bid| (bid.key, bid.n) == (event.key, event.n))
            .map(|bid| bid.id),
        _ => None,
    })
}

/// A status of `outbox_events`.
pub fn state(status: &str) -> Option<State> {
    Some(match status {
        "pending" => State::Waiting,
        "processing" => State::Held,
        "published" => State::Sent,
        "failed" => State::GivenUp,
        _ => return None,
    })
}
