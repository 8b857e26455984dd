//! In which phase of a run a fault strikes: by the history, whatever was drawn.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::history::History;

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

/// When a fault of a run struck; none if it never bit. What did not bite breaks nothing for others either.
pub fn struck_in(history: &History, fault: usize) -> Option<Phase> {
    let struck = history.faults().get(&fault)?.struck()?;
    let at_us = |position: usize| history.entries()[position].at_us;
    let within = |from: usize, span: Duration| {
        let since = at_us(struck).saturating_sub(at_us(from));
        u128::from(since) <= span.as_micros()
    };
    let others = history.faults().iter().filter(|(of, _)| **of != fault);
    let before = others.filter(|(_, other)| other.struck().is_some_and(|began| began < struck));
    let heals: Vec<Option<usize>> = before.map(|(_, other)| other.healed).collect();
    if heals
        .iter()
        .any(|healed| healed.is_none_or(|at| struck < at))
    {
        return Some(Phase::Outage);
    }
    if heals
        .into_iter()
        .flatten()
        .any(|at| within(at, RECOVERS_FOR))
    {
        return Some(Phase::Recovery);
    }
    let asked = history.ops().values().filter(|op| op.is_workload());
    let last = asked.map(|op| op.invoked).filter(|at| *at < struck).max();
    Some(match last {
        None => Phase::Start,
        Some(last) if within(last, RESTS_AFTER) => Phase::Load,
        Some(_) => Phase::Rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{Event, FaultPhase, STRUCK},
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

    fn phase(fault: usize, phase: FaultPhase) -> Event {
        let detail = String::new();
        Event::Fault {
            fault,
            phase,
            detail,
        }
    }

    fn bite(fault: usize, what: &str) -> Event {
        let (what, count) = (what.to_owned(), 1);
        Event::Bite { fault, what, count }
    }

    fn told(mut story: Story, events: impl IntoIterator<Item = Event>) -> History {
        let told = events.into_iter();
        told.for_each(|event| story.push_before_end(event));
        story.history()
    }

    /// A run in which nothing breaks but what is told of it.
    fn unbroken() -> Story {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Fault { .. } | Event::Bite { .. }));
        story
    }

    #[test]
    fn what_strikes_while_something_else_is_broken_strikes_in_an_outage_and_after_it_in_its_recovery()
     {
        let history = told(
            Story::clean(),
            [
                phase(1, FaultPhase::Asked),
                phase(1, FaultPhase::Applied),
                phase(2, FaultPhase::Asked),
                phase(2, FaultPhase::Applied),
                bite(1, "struck"),
                bite(2, "struck"),
                phase(1, FaultPhase::Healed),
                phase(2, FaultPhase::Healed),
                phase(3, FaultPhase::Asked),
                phase(3, FaultPhase::Applied),
                bite(3, "struck"),
            ],
        );
        assert_eq!(struck_in(&history, 2), Some(Phase::Outage));
        assert_eq!(struck_in(&history, 3), Some(Phase::Recovery));
    }

    #[test]
    fn what_waits_for_a_message_strikes_when_that_passes_and_not_when_it_lies_in_wait() {
        let history = told(
            unbroken(),
            [
                phase(2, FaultPhase::Asked),
                phase(2, FaultPhase::Applied),
                phase(1, FaultPhase::Asked),
                phase(1, FaultPhase::Applied),
                bite(2, STRUCK),
                bite(1, "connections_cut"),
                phase(1, FaultPhase::Healed),
                phase(2, FaultPhase::Healed),
            ],
        );
        assert_eq!(struck_in(&history, 2), Some(Phase::Outage));
        assert_eq!(
            struck_in(&history, 1),
            Some(Phase::Load),
            "while the other was lying in wait nothing was broken"
        );
    }

    #[test]
    fn what_does_not_bite_is_nobody_s_outage_and_nobody_s_recovery() {
        let history = told(
            unbroken(),
            [
                phase(1, FaultPhase::Asked),
                phase(1, FaultPhase::Applied),
                phase(2, FaultPhase::Asked),
                phase(2, FaultPhase::Applied),
                bite(2, "connections_cut"),
                phase(1, FaultPhase::Healed),
                phase(2, FaultPhase::Healed),
            ],
        );
        assert_eq!(struck_in(&history, 2), Some(Phase::Load));
    }
}
