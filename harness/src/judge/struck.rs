//! What faults have done to messages. A tap tells of those that are struck before anything is done to them: only the scenario
//! says whether they went on.

use crate::ask::{
    fault::{Action, Fault},
    moment::Moment,
    party::Party,
    wire::{Answer, Deed, Event, Watched},
};
use crate::history::History;
use crate::judge::basis::{Unjudgeable, scenario};

/// Bytes of the frame that settles messages: type, channel and size, class and method, the tag and a bit, the end.
const SETTLEMENT: usize = 7 + 4 + 9 + 1;
/// No message that names an operation is shorter.
const CONTENT: usize = 100;

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It went on, at once or later.
    Whole,
    /// It was a confirm, and went on as a refusal.
    Refused,
    /// None of it went on, or not all.
    Not,
}

/// What is done to messages in a run.
pub(crate) struct Struck(Vec<(Watched, Came)>);

impl Struck {
    pub fn of(history: &History) -> Result<Self, Unjudgeable> {
        let faults = Fault::all(scenario(history)?).map_err(Unjudgeable::Fault)?;
        let at_messages = faults.into_iter().filter_map(|fault| match fault.moment {
            Moment::Message(watched) => {
                let came = came(&fault.action, &watched);
                Some((watched, came))
            }
            _ => None,
        });
        Ok(Self(at_messages.collect()))
    }

    /// What may have come of a struck message of a process, by each fault that may have been the one.
    fn may_be(&self, by: &str, what: &str) -> impl Iterator<Item = Came> {
        let (party, event) = (Party::parse(by), Event::parse(what));
        let meant = move |watched: &Watched| {
            let of = |party: Party| watched.from.includes(party.role, party.number.unwrap_or(1));
            Some(watched.event) == event && party.is_some_and(of)
        };
        let meant = self.0.iter().filter(move |(watched, _)| meant(watched));
        meant.map(|(_, came)| *came)
    }

    /// What came of a struck message of a process. Where several faults may have been the one, whatever lets more happen.
    pub fn came(&self, by: &str, what: &str) -> Came {
        let came = self
            .may_be(by, what)
            .reduce(|one, other| match (one, other) {
                (one, other) if one == other => one,
                (Came::Whole, _) | (_, Came::Whole) => Came::Whole,
                _ => Came::Not,
            });
        came.unwrap_or(Came::Whole)
    }

    /// Whether a struck message of a process may have gone on as a refusal.
    pub fn may_refuse(&self, by: &str, what: &str) -> bool {
        self.may_be(by, what).any(|came| came == Came::Refused)
    }
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
