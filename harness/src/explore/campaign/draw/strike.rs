//! A fault that is drawn: what is done where, and when it comes.

use proptest::{
    prelude::any,
    prop_oneof,
    sample::Index,
    strategy::{Just, Strategy},
};

use super::timeline::Timeline;
use crate::{
    ask::scenario::{Fault, Message, System, When},
    explore::campaign::{
        phase::{PHASES, Phase},
        stock::{Kind, Stock},
    },
};

/// The last of a kind of message that is waited for.
const FEW: u64 = 3;

/// How a fault is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Time,
    State,
    Wire,
}

/// A fault before it is known where it is done.
#[derive(Debug, Clone)]
pub(super) struct Strike {
    kind: Index,
    place: Index,
    phase: Phase,
    trigger: Trigger,
    /// What it waits for, where that is no time.
    what: Index,
    nth: u64,
    lasts_ms: u64,
    /// Where in its phase, in thousandths.
    within: u64,
    one_of_several: bool,
}

/// States that start a fault.
const STATES: [&str; 6] = [
    "operations are stored",
    "events are waiting",
    "events are held",
    "events are sent",
    "messages are delivered",
    "operations are applied",
];
/// Messages that start a fault.
const MESSAGES: [(&str, &str); 7] = [
    ("api -> postgres", "commit"),
    ("api -> postgres", "committed"),
    ("relay -> rabbitmq", "publish"),
    ("relay -> rabbitmq", "confirm"),
    ("consumer -> rabbitmq", "deliver"),
    ("consumer -> rabbitmq", "ack"),
    ("consumer -> postgres", "committed"),
];

/// A fault in any of its places and moments.
pub(super) fn strike() -> impl Strategy<Value = Strike> {
    let phase = (0..PHASES.len()).prop_map(|at| PHASES[at]);
    let trigger = prop_oneof![
        3 => Just(Trigger::Time),
        1 => Just(Trigger::State),
        1 => Just(Trigger::Wire),
    ];
    let place = (any::<Index>(), any::<Index>(), any::<bool>());
    let moment = (
        phase,
        trigger,
        any::<Index>(),
        1..=12u64,
        200..=2_000u64,
        0..1_000u64,
    );
    (place, moment).prop_map(
        |((kind, place, one_of_several), (phase, trigger, what, nth, lasts_ms, within))| Strike {
            kind,
            place,
            phase,
            trigger,
            what,
            nth,
            lasts_ms,
            within,
            one_of_several,
        },
    )
}

impl Strike {
    /// What is done.
    pub fn kind<'s>(&self, stock: &'s Stock) -> &'s Kind {
        self.kind.get(&stock.kinds)
    }

    /// Where.
    pub fn place<'k>(&self, kind: &'k Kind) -> &'k str {
        self.place.get::<String>(&kind.places)
    }

    /// The fault with its moment and its time, and the phase in which it then comes.
    pub fn timed(
        &self,
        mut fault: Fault,
        timeline: &mut Timeline,
        others: &[Fault],
    ) -> (Fault, Phase) {
        // Without a time of its own what is done goes on until the load ends: a restart counts as something broken for so long, and
        // what is swallowed from a message on is.
        if !fault.stays() {
            fault.lasts = Some(format!("{}ms", timeline.slowly(self.lasts_ms)));
        }
        if let Some(When::Message(message)) = &mut fault.when {
            // Many things are done in few messages: of some kinds no more than these come.
            message.nth = message.nth.max(self.early());
            return (fault, Phase::Load);
        }
        // Whoever waits for something waits while things are asked for.
        match self.trigger {
            Trigger::State => {
                let state = self.what.get(&STATES);
                fault.when = Some(When::State(format!("{} {state}", self.nth)));
                return (fault, Phase::Load);
            }
            // At a message, an edge's own words mean the message's connection.
            Trigger::Wire if fault.process.is_some() => {
                fault.when = Some(When::Message(self.message()));
                return (fault, Phase::Load);
            }
            Trigger::Wire | Trigger::Time => {}
        }
        let (at_ms, phase) = timeline.moment(self.phase, self.within, others, self.lasts_ms);
        fault.at = Some(format!("{at_ms}ms"));
        let strikes = ["kill", "freeze", "terminate"].contains(&fault.action.as_str());
        let of_system = fault
            .process
            .as_deref()
            .is_some_and(|whom| !["postgres", "rabbitmq"].contains(&whom));
        fault.idle = strikes && of_system && matches!(phase, Phase::Start | Phase::Rest);
        (fault, phase)
    }

    /// Which of the first messages of a kind.
    fn early(&self) -> u64 {
        1 + self.nth % FEW
    }

    fn message(&self) -> Message {
        let (edge, event) = *self.what.get(&MESSAGES);
        Message {
            edge: Some(edge.to_owned()),
            event: event.to_owned(),
            nth: self.early(),
            of: None,
            matching: None,
            fingerprint: None,
            side: None,
            times: 1,
        }
    }

    /// Of several processes, perhaps one alone.
    pub fn one_of(&self, mut fault: Fault, system: &System) -> Fault {
        let whom = [&mut fault.edge, &mut fault.process]
            .into_iter()
            .flatten()
            .next();
        let Some(whom) = whom.filter(|_| self.one_of_several) else {
            return fault;
        };
        let several = [
            ("api", system.apis),
            ("relay", system.relays),
            ("consumer", system.consumers),
        ];
        for (role, count) in several {
            let is_it = *whom == role || whom.starts_with(&format!("{role} -> "));
            if count > 1 && is_it {
                *whom = whom.replacen(role, &format!("{role} {count}"), 1);
            }
        }
        fault
    }
}
