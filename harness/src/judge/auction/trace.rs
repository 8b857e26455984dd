//! The model's own checker: every recorded run is a path through the [`model`](super::model). Each commit, and each message that
//! passed a tap, is told in the model's actions; a step that the model does not allow is a finding, and ends the replay.
//!
//! What a run does not show is put in where it changes least. A claim's snapshot is taken as early as its events allow; what
//! is committed is seen by others when somebody sees it, or seconds later, for the log has a commit a little before
//! its rows are seen; claimed events are on their way at once. Ledger and taps are two witnesses with one clock: where their
//! order is in doubt by less than [`walk::DOUBT_US`], any order that the model allows will do.

mod commits;
mod heard;
mod held_back;
mod links;
mod names;
mod owners;
mod received;
mod scripted;
mod tally;
mod turns;
mod walk;

use std::{collections::BTreeSet, sync::Arc};

use super::counters;
use super::replay::Replay;
use crate::history::{History, LedgerState};
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::struck::Struck;
use crate::judge::verdict::Finding;
use heard::Heard;
use held_back::HeldBack;
use links::Connections;
use names::Names;
use scripted::Scripted;
use tally::Tally;
use walk::Walk;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    last(history)?;
    if let LedgerState::Sampled(why) = history.ledger() {
        return Err(Unjudgeable::Sampled(why.to_owned()));
    }
    let followed = Followed::of(history);
    let Followed { tally, refused } = followed.as_ref().as_ref().map_err(Unjudgeable::clone)?;
    let mut inquiry = Inquiry::new("model");
    for (what, count) in tally.named() {
        inquiry.count(what, count as usize);
    }
    let steps = tally.steps as usize;
    let Some(why) = refused else {
        return Ok(inquiry.conclude(steps, "steps"));
    };
    inquiry.count("steps", steps);
    inquiry.fail("steps that the model does not allow", why.clone());
    Ok(inquiry.conclude_with(String::new()))
}

/// What the model has seen of a run, by the names of facts; nothing where it cannot follow.
pub(super) fn shown(history: &History) -> Vec<(&'static str, u64)> {
    match (history.ledger(), Followed::of(history).as_ref()) {
        (LedgerState::Complete, Ok(followed)) => followed.tally.named().to_vec(),
        _ => Vec::new(),
    }
}

/// How far the model follows, and why no further.
struct Followed {
    tally: Tally,
    refused: Option<String>,
}

impl Followed {
    fn of(history: &History) -> Arc<Result<Self, Unjudgeable>> {
        history.derived(replayed)
    }
}

fn replayed(history: &History) -> Result<Followed, Unjudgeable> {
    let told = Replay::of(history)?.unwrap_or_default().told;
    let names = Names::of(&told)?;
    let skips = history.scenario().is_some_and(|scenario| {
        let policy = scenario.system.settings.get("OUTBOX_ON_FAILED");
        policy.is_some_and(|policy| policy == "skip")
    });
    let conflicts = counters::counted(history).find(|(name, _)| *name == "lease_conflicts");
    let conflicts = conflicts.map_or(0, |(_, count)| count);
    let held_back = HeldBack::of(history)?;
    let mut heard = Heard::all(history, &names, &Struck::of(history)?);
    let script = |going_on: &_| commits::script(&told, &names, going_on, &held_back);
    let each_its_own = script(&BTreeSet::new());
    let going_on = Connections::of(&heard, &each_its_own.claims).going_on();
    let script = script(&going_on);
    if heard.is_empty() && script.commits.iter().any(Scripted::needs_the_wire) {
        return Err(Unjudgeable::NotShown("the taps heard nothing"));
    }
    let links = Connections::of(&heard, &script.claims).links();
    Heard::connect(&mut heard, &links);
    let mut walk = Walk::new(&names, &script, heard, !skips);
    let refused = walk.follow();
    let tally = walk.tally(conflicts);
    Ok(Followed { tally, refused })
}

#[cfg(test)]
mod tests;
