//! How long a statement may take: the server ends it in time, unless a fault holds back what ends it.

use outbox_service::STATEMENT_WITHIN;

use crate::ask::{
    fault::{Action, Fault, Role, Server, Target},
    moment::Moment,
    wire::Deed,
};
use crate::history::History;
use crate::judge::basis::{Unjudgeable, scenario};

/// From a statement's snapshot to its commit, at most: the server ends it before its relay's patience does.
const STATEMENT_US: i64 = STATEMENT_WITHIN.as_micros() as i64;

/// From when until when something is done to Postgres, or to what relays say to it, by the wall clock.
pub(super) struct HeldBack(Vec<(i64, i64)>);

impl HeldBack {
    pub fn of(history: &History) -> Result<Self, Unjudgeable> {
        let faults = Fault::all(scenario(history)?).map_err(Unjudgeable::Fault)?;
        let each = faults.iter().enumerate();
        let held_back = each.filter(|(_, fault)| holds_back(fault));
        let spans = held_back.filter_map(|(index, fault)| in_place_us(history, index, fault));
        Ok(Self(spans.collect()))
    }

    /// From a statement's snapshot to its commit at this moment, at most. None while what ends a statement may be held back, too.
    pub fn statement_us(&self, at_us: i64) -> Option<i64> {
        let mut all = self.0.iter();
        let held_back = all.any(|(from, to)| (*from..=*to).contains(&at_us));
        (!held_back).then_some(STATEMENT_US)
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
