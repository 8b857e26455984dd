//! The model's own checker: every recorded run is a path through the [`model`](super::model). Each commit, and each message that
//! passed a tap, is told in the model's actions; a step that the model does not allow is a finding, and ends the replay.
//!
//! What a run does not show is put in where it changes least. A claim's snapshot is taken as early as its events allow; what
//! is committed is seen by others when somebody sees it, or seconds later, for the log has a commit a little before
//! its rows are seen; claimed events are on their way at once. Ledger and taps are two witnesses with one clock: where their
//! order is in doubt by less than [`walk::DOUBT_US`], any order that the model allows will do.

mod commits;
mod heard;
mod names;
mod tally;
mod turns;
mod walk;

use super::counters;
use super::replay::Replay;
use crate::history::{History, LedgerState};
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;
use commits::Bereft;
use heard::Heard;
use names::Names;
use tally::Tally;
use walk::Walk;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    last(history)?;
    if let LedgerState::Sampled(why) = history.ledger() {
        return Err(Unjudgeable::Sampled(why.to_owned()));
    }
    let (tally, refused) = replayed(history)?;
    let mut inquiry = Inquiry::new("model");
    for (what, count) in tally.named() {
        inquiry.count(what, count as usize);
    }
    let steps = tally.steps as usize;
    let Some(why) = refused else {
        return Ok(inquiry.conclude(steps, "steps"));
    };
    inquiry.count("steps", steps);
    inquiry.fail("steps that the model does not allow", why);
    Ok(inquiry.conclude_with(String::new()))
}

/// What the model has seen of a run, by the names of facts; nothing where it cannot follow.
pub(super) fn shown(history: &History) -> Vec<(&'static str, u64)> {
    match (history.ledger(), replayed(history)) {
        (LedgerState::Complete, Ok((tally, _))) => tally.named().to_vec(),
        _ => Vec::new(),
    }
}

/// How far the model follows, and why no further.
fn replayed(history: &History) -> Result<(Tally, Option<String>), Unjudgeable> {
    let told = Replay::of(history)?.unwrap_or_default().told;
    let names = Names::of(&told)?;
    let skips = history.scenario().is_some_and(|scenario| {
        let policy = scenario.system.settings.get("OUTBOX_ON_FAILED");
        policy.is_some_and(|policy| policy == "skip")
    });
    let conflicts = counters::counted(history).find(|(name, _)| *name == "lease_conflicts");
    let conflicts = conflicts.map_or(0, |(_, count)| count);
    let replay = |bereft| {
        let script = commits::script(&told, &names, bereft);
        let heard = Heard::all(history, &names, &script);
        let mut walk = Walk::new(&names, &script, heard, !skips);
        let refused = walk.follow();
        (walk.tally(conflicts), refused)
    };
    let (tally, refused) = replay(Bereft::GoesOn);
    if refused.is_none() {
        return Ok((tally, None));
    }
    let anew = replay(Bereft::BeginsAnew);
    Ok(match anew.0.steps > tally.steps || anew.1.is_none() {
        true => anew,
        false => (tally, refused),
    })
}

#[cfg(test)]
mod tests;
