//! What faults have done to messages. A tap tells of those that are struck before anything is done to them: only the scenario
//! says whether they went on.

use crate::ask::{
    fault::{Action, Fault, Role, Server, Target},
    moment::Moment,
    party::Party,
    wire::{Answer, Deed, Event, Watched},
};
use crate::history::History;
use crate::judge::basis::{Unjudgeable, scenario};
use outbox_service::STATEMENT_WITHIN;

/// Bytes of the frame that settles messages: type, channel and size, class and method, the tag and a bit, the end.
const SETTLEMENT: usize = 7 + 4 + 9 + 1;
/// No message with a bid in it is shorter.
const CONTENT: usize = 100;

/// From a statement's snapshot to its commit, at most: the server ends it before its relay's patience does.
const STATEMENT_US: i64 = STATEMENT_WITHIN.as_micros() as i64;

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It went on, at once or later.
    Whole,
    /// It was a confirm, and went on as a refusal.
    Refused,
    /// None of it went on, or not all.
    Not,
}

/// What is done to messages in a run.
pub(super) struct Struck {
    at_messages: Vec<(Watched, Came)>,
    /// From when until when something is done to Postgres, or to what relays say to it, by the wall clock.
    held_back_us: Vec<(i64, i64)>,
}

impl Struck {
    pub fn of(history: &History) -> Result<Self, Unjudgeable> {
        let faults = Fault::all(scenario(history)?).map_err(Unjudgeable::Fault)?;
        let each = faults.iter().enumerate();
        let held_back = each.filter(|(_, fault)| holds_back(fault));
        let held_back = held_back.filter_map(|(index, fault)| in_place_us(history, index, fault));
        let held_back_us = held_back.collect();
        let at_messages = faults.into_iter().filter_map(|fault| match fault.moment {
            Moment::Message(watched) => {
                let came = came(&fault.action, &watched);
                Some((watched, came))
            }
            _ => None,
        });
        Ok(Self {
            at_messages: at_messages.collect(),
            held_back_us,
        })
    }

    /// From a statement's snapshot to its commit at this moment, at most. None while what ends a statement may be held back, too.
    pub fn statement_us(&self, at_us: i64) -> Option<i64> {
        let mut all = self.held_back_us.iter();
        let held_back = all.any(|(from, to)| (*from..=*to).contains(&at_us));
        (!held_back).then_some(STATEMENT_US)
    }

    /// What came of a struck message of a process. Where several faults may have been the one, whatever lets more happen.
    pub fn came(&self, by: &str, what: &str) -> Came {
        let (party, event) = (Party::parse(by), Event::parse(what));
        let meant = |watched: &Watched| {
            let of = |party: Party| watched.from.includes(party.role, party.number.unwrap_or(1));
            Some(watched.event) == event && party.is_some_and(of)
        };
        let mut came = self
            .at_messages
            .iter()
            .filter(|(watched, _)| meant(watched));
        let Some((_, first)) = came.next() else {
            return Came::Whole;
        };
        came.fold(*first, |one, (_, other)| match (one, *other) {
            (one, other) if one == other => one,
            (Came::Whole, _) | (_, Came::Whole) => Came::Whole,
            _ => Came::Not,
        })
    }
}

/// Whether what relays say to Postgres, or what it answers, may come later for a fault.
fn holds_back(fault: &Fault) -> bool {
    let postgres = Role::Server(Server::Postgres);
    let watched = match &fault.moment {
        Moment::Message(watched) => Some((watched.from.role, watched.to.role)),
        _ => None,
    };
    let hit = match &fault.target {
        Target::Edge { from, to } => Some((from.role, to.role)),
        Target::Server(Server::Postgres) => return true,
        Target::Server(_) | Target::Process(_) => None,
    };
    [watched, hit].contains(&Some((Role::Relay, postgres)))
}

/// From when a fault was asked for until the last statement is over that may have begun under it; all the time where the clocks cannot be
/// compared. None if it never was in place.
fn in_place_us(history: &History, index: usize, fault: &Fault) -> Option<(i64, i64)> {
    let life = history.faults().get(&index)?;
    let from = life.asked.or(life.applied)?;
    let Some(from_us) = history.wall_clock_us(from) else {
        return Some((i64::MIN, i64::MAX));
    };
    // What is delayed goes on when its time is over, and not when the fault is.
    let later_us = match &fault.action {
        Action::AtMessage(Deed::Delay(span)) => i64::try_from(span.as_micros()).unwrap_or(i64::MAX),
        _ => 0,
    };
    let healed = life.healed.and_then(|healed| history.wall_clock_us(healed));
    let until_us = healed.map_or(i64::MAX, |healed| {
        healed.saturating_add(STATEMENT_US).saturating_add(later_us)
    });
    Some((from_us, until_us))
}

fn came(action: &Action, watched: &Watched) -> Came {
    let Action::AtMessage(deed) = action else {
        // Held while something else is done.
        return Came::Whole;
    };
    let least = match watched.event {
        Event::Publish | Event::Deliver | Event::Return => CONTENT,
        _ => SETTLEMENT,
    };
    match deed {
        _ if watched.after => Came::Whole,
        Deed::Delay(_) | Deed::Stall => Came::Whole,
        Deed::CutAfter(bytes) if *bytes >= least => Came::Whole,
        Deed::Answer(Answer::Nack) => Came::Refused,
        Deed::Reset
        | Deed::Close
        | Deed::CutAfter(_)
        | Deed::CutInHalf
        | Deed::Swallow
        | Deed::Answer(_) => Came::Not,
    }
}
