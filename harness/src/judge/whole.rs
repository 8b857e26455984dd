//! The history itself: complete and without contradictions. Whatever it lacks is the lab's fault, never a pass.

use crate::ask::{
    fault::{Fault, Server},
    scenario::Scenario,
};
use crate::history::{Event, FaultLife, History, Purpose};
use crate::judge::basis::{Unjudgeable, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::ledger;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let mut inquiry = Inquiry::new("whole");
    let mut object = |what, example| inquiry.object(Verdict::Error, what, example);
    let scenario = scenario(history)?;
    if let Some(why) = history.cut_short() {
        object(
            "signs of being cut short",
            format!("the history was cut short: {why}"),
        );
    }
    if !matches!(history.events().next(), Some(Event::Begun { .. })) {
        object(
            "entries before the run began",
            "the first entry is not `begun`".to_owned(),
        );
    }
    for oddity in history.oddities() {
        object("contradictions", oddity.clone());
    }
    if let Some(fault) = history
        .faults()
        .keys()
        .find(|fault| **fault >= scenario.faults.len())
    {
        object(
            "faults that are not in the scenario",
            format!("fault {} is not in the scenario", fault + 1),
        );
    }
    if history.last().is_none() {
        object(
            "last snapshots missing",
            "there is no last snapshot".to_owned(),
        );
    }
    if let Some(example) = last_is_early(history) {
        object("last snapshots taken too early", example);
    }
    if let Some(example) = not_as_planned(history, scenario) {
        object("workloads that were not sent as planned", example);
    }
    if let Some(example) = unfenced(history) {
        object("ends without a fence", example);
    }
    let holes = ledger::holes(history);
    match has_forgotten(history, scenario) {
        true => inquiry.count(
            "holes in the ledger of a database that forgot what it had committed",
            holes.len(),
        ),
        false => {
            for hole in holes {
                inquiry.object(Verdict::Error, "holes in the ledger", hole);
            }
        }
    }
    Ok(inquiry.conclude(history.entries().len(), "entries"))
}

/// Whether Postgres was broken, and an operation that was accepted is not there in the end. Then the ledger, which had been told of
/// its commit, tells of a database that is no more: one that begins again behind what it has forgotten numbers other commits
/// alike. `durable` fails, and needs no ledger for that.
fn has_forgotten(history: &History, scenario: &Scenario) -> bool {
    let faults = Fault::all(scenario).unwrap_or_default();
    let broken = faults
        .iter()
        .any(|fault| fault.breaks_server() == Some(Server::Postgres));
    let Some(last) = history.last().filter(|_| broken) else {
        return false;
    };
    let shows = history
        .subject()
        .is_some_and(|subject| subject.shows.stored);
    let mut ops = history.ops().values().filter(|op| op.is_accepted());
    shows && ops.any(|op| last.stored(op.asked.id).is_none())
}

/// The last snapshot vouches for the end only if nothing was asked, answered or broken after it.
fn last_is_early(history: &History) -> Option<String> {
    let taken = |event: &Event| matches!(event, Event::Snapshot(snapshot) if snapshot.last);
    let position = history
        .entries()
        .iter()
        .rposition(|entry| taken(&entry.event))?;
    let op_after = history.ops().values().any(|op| op.invoked > position);
    let fault_after = |life: &FaultLife| life.applied.is_some_and(|at| at > position);
    let fault_after = history.faults().values().any(fault_after);
    (op_after || fault_after)
        .then(|| "clients or faults went on after the last snapshot".to_owned())
}

/// Every request of the plan was sent, and no other. Only faults that come in turn may end a workload, with the last turn.
fn not_as_planned(history: &History, scenario: &Scenario) -> Option<String> {
    let planned = history.events().find_map(|event| match event {
        Event::Planned { requests } => Some(*requests),
        _ => None,
    });
    let ended_after = history.events().find_map(|event| match event {
        Event::Driven { ended_after, .. } => *ended_after,
        _ => None,
    });
    let may_end = scenario.faults.iter().any(|fault| fault.turn.is_some());
    let ended_after = ended_after.filter(|_| may_end);
    let planned = planned.map(|planned| ended_after.map_or(planned, |ended| ended.min(planned)));
    let sent = history
        .ops()
        .values()
        .filter(|op| op.purpose == Purpose::Workload)
        .count() as u64;
    match planned {
        None => Some("the history does not say what was planned".to_owned()),
        Some(planned) if planned != sent => {
            Some(format!("{planned} requests were planned, {sent} were sent"))
        }
        Some(_) => None,
    }
}

/// What the witness saw is all that was published only if the lab's own last message came behind it, and the tables are the
/// last ones only if they were read after that.
fn unfenced(history: &History) -> Option<String> {
    let position = |wanted: fn(&Event) -> bool| history.events().position(wanted);
    let Some(fenced) = position(|event| *event == Event::Fenced) else {
        return Some("the witness never saw the lab's last message".to_owned());
    };
    let last = position(|event| matches!(event, Event::Snapshot(snapshot) if snapshot.last));
    if last.is_some_and(|last| last < fenced) {
        return Some("the last look was taken before the fence".to_owned());
    }
    history
        .deliveries()
        .find(|(position, _)| *position > fenced)
        .map(|_| "messages came after the fence, when nobody was left to publish".to_owned())
}

#[cfg(test)]
mod tests;
