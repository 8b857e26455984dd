//! Whoever asks is answered, unless a fault stands in the way. A 503, a timeout or a cut connection is excused only where a
//! fault lies between the client and the database that its process needs, and for a short grace after the fault is healed.

use crate::ask::fault::{Action, Fault, Party, Role, Server, Target};
use crate::ask::moment::Moment;
use crate::history::{FaultLife, History, Op};
use crate::judge::basis::{Unjudgeable, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

/// So many requests at once are more than a process serves at once, several times over: what then stays without an answer
/// may be the load's doing, and shows nothing.
const OVERLOAD: usize = 64;
/// How long after a heal an answer may still be missing: a process starts, pools connect again, clients' own connections
/// are found dead.
const GRACE_US: u64 = 2_000_000;

pub(in crate::judge) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let faults = Fault::all(scenario(history)?).map_err(Unjudgeable::Fault)?;
    let mut inquiry = Inquiry::new("availability");
    for (number, op) in history.ops() {
        if !op.is_unknown() {
            continue;
        }
        if faults
            .iter()
            .enumerate()
            .any(|(index, fault)| excuses(history, index, fault, op))
        {
            inquiry.count("requests without an answer, excused by a fault", 1);
            continue;
        }
        if under_way(history, op) >= OVERLOAD {
            let example = format!(
                "op {number} over {}: {OVERLOAD} or more requests were under way at once",
                op.via
            );
            inquiry.object(
                Verdict::Unknown,
                "requests without an answer under more load than was answered",
                example,
            );
            continue;
        }
        let saw = op
            .outcome()
            .map_or("no answer".to_owned(), |outcome| format!("{outcome:?}"));
        let example = format!(
            "op {number} over {}: {saw}, and no fault stood in its way",
            op.via
        );
        inquiry.fail("requests without an answer that no fault excuses", example);
    }
    Ok(inquiry.conclude(history.ops().len(), "requests"))
}

/// Whether the fault stood between this request and its answer at any moment.
fn excuses(history: &History, index: usize, fault: &Fault, op: &Op) -> bool {
    let Some(life) = history.faults().get(&index) else {
        return false;
    };
    (stands_in_the_way(&fault.target, &op.via) && overlaps(history, life, op))
        || (holds_up(fault, &op.via) && was_held_up(life, op))
}

/// Whether the lab itself holds the message up at which a fault is to strike elsewhere, until it is in place: that of a request,
/// or that of a transaction whose locks other requests may wait for. What is done to the message itself is a fault of its edge.
fn holds_up(fault: &Fault, via: &str) -> bool {
    let Moment::Message(watched) = &fault.moment else {
        return false;
    };
    let (from, to) = (watched.from, watched.to);
    let locks = from.role == Role::Api && to.role == Role::Server(Server::Postgres);
    let elsewhere = !matches!(fault.action, Action::AtMessage(_));
    elsewhere && (locks || stands_in_the_way(&Target::Edge { from, to }, via))
}

/// Whether a request was under way while the message was held up. When it goes on, for the fault is in place or cannot be, all that
/// waited does.
fn was_held_up(life: &FaultLife, op: &Op) -> bool {
    let (Some(held), Some(goes_on)) = (life.asked, life.applied.or(life.given_up)) else {
        return false;
    };
    let answered = op.completed.as_ref().map(|(position, _)| *position);
    op.invoked < goes_on && answered.is_none_or(|answered| answered > held)
}

/// How many requests to the same process were under way when this one was sent.
fn under_way(history: &History, op: &Op) -> usize {
    let others = history.ops().values().filter(|other| {
        let answered = other.completed.as_ref().map(|(position, _)| *position);
        other.via == op.via
            && other.invoked <= op.invoked
            && answered.is_none_or(|answered| answered > op.invoked)
    });
    others.count()
}

fn overlaps(history: &History, life: &FaultLife, op: &Op) -> bool {
    let at = |position: usize| history.entries()[position].at_us;
    let Some(began) = life.asked.or(life.applied).map(at) else {
        return false;
    };
    // It waited for a message that never came, and stood in nobody's way.
    if life.failed.is_some() && life.applied.is_some() {
        return false;
    }
    let ended = life
        .healed
        .map_or(u64::MAX, |healed| at(healed).saturating_add(GRACE_US));
    let answered = op
        .completed
        .as_ref()
        .map_or(u64::MAX, |(position, _)| at(*position));
    at(op.invoked) <= ended && began <= answered
}

/// The way of a request: from the client to a process of the API, and on to the database.
fn stands_in_the_way(target: &Target, via: &str) -> bool {
    let is_asked = |number: Option<u32>| {
        number.is_none_or(|number| via == format!("{} {number}", Role::Api.name()))
    };
    match target {
        Target::Edge { from, to } if to.role == Role::Api => is_asked(from.number.or(to.number)),
        Target::Edge { from, .. } if from.role == Role::Api => is_asked(from.number),
        Target::Process(Party {
            role: Role::Api,
            number,
        }) => is_asked(*number),
        Target::Server(server) => *server == Server::Postgres,
        Target::Edge { .. } | Target::Process(_) => false,
    }
}

#[cfg(test)]
mod tests;
