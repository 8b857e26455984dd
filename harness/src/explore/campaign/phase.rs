//! In which phase of a run a fault strikes: by the history, whatever was drawn.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::history::{FaultLife, History};

/// A phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anything was asked for.
    Start,
    /// While things are asked for, and nothing else is broken.
    Load,
    /// When nothing has been asked for for a while.
    Rest,
    /// While something else is broken.
    Outage,
    /// Shortly after something else was healed.
    Recovery,
}

/// All of them.
pub const PHASES: [Phase; 5] = [
    Phase::Start,
    Phase::Load,
    Phase::Rest,
    Phase::Outage,
    Phase::Recovery,
];

/// So long after the last request nothing is under load any more.
const RESTS_AFTER: Duration = Duration::from_millis(400);
/// So long after a heal what it had held up is made good.
const RECOVERS_FOR: Duration = Duration::from_secs(2);

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Load => "load",
            Self::Rest => "rest",
            Self::Outage => "outage",
            Self::Recovery => "recovery",
        })
    }
}

/// When a fault of a run struck; none if it never bit.
pub fn struck_in(history: &History, fault: usize) -> Option<Phase> {
    let life = history.faults().get(&fault).filter(|life| bit(life))?;
    let began = life.applied.or(life.asked)?;
    let at_us = |position: usize| history.entries()[position].at_us;
    let within = |from: usize, span: Duration| {
        let since = at_us(began).saturating_sub(at_us(from));
        u128::from(since) <= span.as_micros()
    };
    let mut others = history
        .faults()
        .iter()
        .filter(|(other, _)| **other != fault);
    if others.clone().any(|(_, other)| other.covers(began)) {
        return Some(Phase::Outage);
    }
    let recovers = |other: &FaultLife| {
        let healed = other.healed.filter(|healed| *healed < began);
        healed.is_some_and(|healed| bit(other) && within(healed, RECOVERS_FOR))
    };
    if others.any(|(_, other)| recovers(other)) {
        return Some(Phase::Recovery);
    }
    let asked = history.ops().values().filter(|op| op.is_workload());
    let last = asked.map(|op| op.invoked).filter(|at| *at < began).max();
    Some(match last {
        None => Phase::Start,
        Some(last) if within(last, RESTS_AFTER) => Phase::Load,
        Some(_) => Phase::Rest,
    })
}

/// Whether a fault did something while it was in place.
fn bit(life: &FaultLife) -> bool {
    let counted = |(at, _, count): &(usize, String, u64)| *count > 0 && life.covers_bite(*at);
    life.bites.iter().any(counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{Event, FaultPhase},
        judge::proof::story::Story,
    };

    #[test]
    fn a_fault_that_bit_struck_in_a_phase_and_one_that_did_not_in_none() {
        let story = Story::clean();
        assert_eq!(struck_in(&story.history(), 0), Some(Phase::Start));
        assert_eq!(struck_in(&story.history(), 1), None);
        let mut missed = Story::clean();
        missed.drop_events(|event| matches!(event, Event::Bite { .. }));
        assert_eq!(struck_in(&missed.history(), 0), None);
    }

    #[test]
    fn what_strikes_while_something_else_is_broken_strikes_in_an_outage_and_after_it_in_its_recovery()
     {
        let phase = |fault, phase| Event::Fault {
            fault,
            phase,
            detail: String::new(),
        };
        let mut story = Story::clean();
        for event in [
            phase(1, FaultPhase::Asked),
            phase(1, FaultPhase::Applied),
            phase(2, FaultPhase::Asked),
            phase(2, FaultPhase::Applied),
            Event::Bite {
                fault: 1,
                what: "struck".to_owned(),
                count: 1,
            },
            Event::Bite {
                fault: 2,
                what: "struck".to_owned(),
                count: 1,
            },
            phase(1, FaultPhase::Healed),
            phase(2, FaultPhase::Healed),
            phase(3, FaultPhase::Asked),
            phase(3, FaultPhase::Applied),
            Event::Bite {
                fault: 3,
                what: "struck".to_owned(),
                count: 1,
            },
        ] {
            story.push_before_end(event);
        }
        let history = story.history();
        assert_eq!(struck_in(&history, 2), Some(Phase::Outage));
        assert_eq!(struck_in(&history, 3), Some(Phase::Recovery));
    }
}
