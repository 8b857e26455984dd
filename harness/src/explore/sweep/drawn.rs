//! The scenario of some cases: one after the other on one arrangement, those of different processes side by side.

use std::{collections::BTreeMap, time::Duration};

use super::{kind::Kind, reach::Reach, way::Way};
use crate::ask::{
    fault::Role,
    scenario::{Condition, Expect, Fault, Message, Own, Scenario, System, When, Workload},
    target::{Target, process::Plays},
};

/// What the lab's own target may take: its stories of the wire allow it as much.
const RECOVERS_WITHIN: Duration = Duration::from_secs(25);

/// A message that is cut in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Which kind of message.
    pub kind: Kind,
    /// The first that is meant of those that pass when its turn has come, from 1.
    pub nth: u64,
    /// In which way.
    pub way: Way,
    /// How it is made to come.
    pub reach: Reach,
}

impl Case {
    /// About how long it takes, in milliseconds.
    pub(super) fn takes_ms(&self) -> u64 {
        let comes = match self.reach {
            Reach::Flows => 600,
            Reach::Opens => 500,
            Reach::Starts | Reach::StartsAlone | Reach::Last => 1_500,
        };
        comes + self.way.takes_ms()
    }

    fn patience(&self, target: &Target) -> Duration {
        let comes = match self.reach {
            Reach::Flows => Duration::from_millis(1_500),
            Reach::Opens | Reach::Starts => Duration::from_secs(4),
            Reach::StartsAlone | Reach::Last => Duration::from_secs(8),
        };
        let rests = target
            .pace
            .rests
            .map_or(Duration::ZERO, |rests| rests.get());
        comes + rests * 2
    }

    /// Whose connection it is on: the target's process, or whoever writes to the database himself.
    pub(super) fn process(&self) -> &str {
        match self.kind.edge.split_once(" -> ") {
            Some(("client", "postgres")) => "client",
            Some(("client", to)) => to,
            Some((from, _)) => from,
            None => &self.kind.edge,
        }
    }

    /// `relay -> rabbitmq: publish shop.events/`.
    pub fn told(&self) -> String {
        let Kind {
            edge,
            event,
            fingerprint,
        } = &self.kind;
        let said = format!("{edge}: {} {fingerprint}", event.name());
        format!("{}, {}", said.trim(), self.way.deed)
    }
}

/// A drawn scenario.
pub(super) struct Drawn {
    pub scenario: Scenario,
    /// Which of its faults is which case's.
    pub faults: Vec<usize>,
}

/// So many cases wait for one connection that is opened, or one process that is started.
const AT_ONCE: usize = 4;

/// A turn of one process.
#[derive(Default)]
struct Turn<'c> {
    number: u32,
    cases: Vec<&'c Case>,
}

impl<'c> Turn<'c> {
    /// Whether a case joins those of the turn before it; else the next turn is its own.
    fn takes(&mut self, case: &'c Case) -> bool {
        let alike = |last: &&&Case| (last.reach, &last.kind.edge) == (case.reach, &case.kind.edge);
        let joins = case.reach.is_shared()
            && self.cases.len() < AT_ONCE
            && self.cases.last().filter(alike).is_some();
        if !joins {
            self.number += 1;
            self.cases.clear();
        }
        self.cases.push(case);
        joins
    }
}

/// Draws the scenario of these cases.
pub(super) fn drawn(target: &Target, cases: &[Case]) -> Drawn {
    let mut faults = Vec::new();
    let mut of_cases = Vec::new();
    let mut turns: BTreeMap<&str, Turn<'_>> = BTreeMap::new();
    for case in cases {
        let turn = turns.entry(case.process()).or_default();
        let joins = turn.takes(case);
        of_cases.push(faults.len());
        // It waits for its message before that is made to come; who joins others waits for what they make come.
        let makes_come = makes_come(case).filter(|_| !joins);
        let own = [cut(case, target)].into_iter().chain(makes_come);
        faults.extend(own.map(|fault| Fault {
            turn: Some(turn.number),
            ..fault
        }));
    }
    let mut bites = BTreeMap::new();
    if let [case] = cases {
        let condition = Condition::try_from(">= 1".to_owned());
        bites.extend(
            condition
                .ok()
                .map(|condition| ("fault_1_bites".to_owned(), condition)),
        );
        return Drawn {
            scenario: scenario(
                target,
                format!("One message is cut. {}.", case.told()),
                faults,
                bites,
            ),
            faults: of_cases,
        };
    }
    let story = "Messages are cut, one after the other, and what follows is made good each time.";
    Drawn {
        scenario: scenario(target, story.to_owned(), faults, bites),
        faults: of_cases,
    }
}

fn scenario(
    target: &Target,
    story: String,
    faults: Vec<Fault>,
    bites: BTreeMap<String, Condition>,
) -> Scenario {
    Scenario {
        story,
        system: system(target),
        workload: workload(target),
        own: Own::default(),
        faults,
        bites,
        expect: expect(target),
        plan: None,
    }
}

/// One process of each role.
pub(super) fn system(target: &Target) -> System {
    System {
        consumers: u32::from(target.has(Plays::Consumer)),
        ..System::default()
    }
}

/// Operations for as long as there are faults, of many keys: what one fault has done to an operation is not done to the next.
pub(super) fn workload(target: &Target) -> Workload {
    let most = target.pace.drains.per_second();
    Workload {
        keys: 16,
        writes: format!("{}/s for 90s", most.clamp(1, 12)),
        hot_percent: 0,
        copies: 1,
        again: 0,
    }
}

/// Nothing beside the invariants, and time enough.
pub(in crate::explore) fn expect(target: &Target) -> Expect {
    let budget = target.pace.recovers_within.get().max(RECOVERS_WITHIN);
    Expect {
        recovered_within: humantime::format_duration(budget).to_string(),
        facts: BTreeMap::new(),
    }
}

fn cut(case: &Case, target: &Target) -> Fault {
    let Kind {
        edge,
        event,
        fingerprint,
    } = &case.kind;
    let message = Message {
        edge: None,
        event: event.name().to_owned(),
        nth: case.nth,
        of: None,
        matching: None,
        fingerprint: (!fingerprint.is_empty()).then(|| fingerprint.clone()),
        side: None,
        times: 1,
    };
    Fault {
        edge: Some(edge.clone()),
        when: Some(When::Message(message)),
        within: Some(humantime::format_duration(case.patience(target)).to_string()),
        lasts: case.way.lasts(),
        ..nothing(case.way.deed)
    }
}

fn makes_come(case: &Case) -> Option<Fault> {
    match case.reach {
        Reach::Flows | Reach::Last => None,
        Reach::Opens => Some(severed(&case.kind.edge)),
        Reach::Starts | Reach::StartsAlone => Some(match case.process() {
            "client" => severed(&case.kind.edge),
            process => restarted(process),
        }),
    }
}

/// All connections of an edge end, whether or not something passes on them.
pub(super) fn severed(edge: &str) -> Fault {
    Fault {
        edge: Some(edge.to_owned()),
        at: Some("0s".to_owned()),
        lasts: Some("20ms".to_owned()),
        ..nothing("cut")
    }
}

/// A role's processes are asked to stop, and started again.
pub(super) fn restart(role: Role) -> Fault {
    restarted(role.name())
}

fn restarted(process: &str) -> Fault {
    Fault {
        process: Some(process.to_owned()),
        at: Some("0s".to_owned()),
        lasts: Some("50ms".to_owned()),
        ..nothing("terminate")
    }
}

fn nothing(action: &str) -> Fault {
    Fault {
        edge: None,
        process: None,
        action: action.to_owned(),
        at: None,
        when: None,
        turn: None,
        within: None,
        lasts: None,
        idle: false,
        may_miss: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ask::fault, ask::wire::Event, explore::sweep::way::WAYS};

    fn case(event: Event, way: usize, reach: Reach) -> Case {
        Case {
            kind: Kind {
                edge: "relay -> rabbitmq".to_owned(),
                event,
                fingerprint: "some \"thing\" 'quoted'".to_owned(),
            },
            nth: 1,
            way: WAYS[way],
            reach,
        }
    }

    #[test]
    fn cases_come_one_after_the_other_and_each_is_waited_for_before_it_is_made_to_come() {
        let cases = [
            case(Event::Publish, 3, Reach::Flows),
            case(Event::Handshake, 0, Reach::Opens),
            case(Event::Close, 0, Reach::Starts),
        ];
        let Drawn { scenario, faults } = drawn(&Target::ours(), &cases);
        assert_eq!(faults, [0, 1, 3]);
        let turns = |scenario: &Scenario| -> Vec<u32> {
            let turns = scenario.faults.iter().filter_map(|fault| fault.turn);
            turns.collect()
        };
        assert_eq!(turns(&scenario), [1, 2, 2, 3, 3]);
        let mut beside = cases.to_vec();
        beside[1].kind.edge = "consumer -> postgres".to_owned();
        let beside = drawn(&Target::ours(), &beside).scenario;
        assert_eq!(
            turns(&beside),
            [1, 1, 1, 2, 2],
            "nobody waits for another process"
        );
        let read = fault::Fault::all(&scenario).expect("sound faults");
        assert!(read.iter().all(|fault| !fault.starts_with_workload()));
        assert_eq!(scenario.faults[4].process.as_deref(), Some("relay"));
    }

    #[test]
    fn some_cases_wait_for_one_connection_that_is_opened() {
        let cases = [0; 5].map(|way| case(Event::Handshake, way, Reach::Opens));
        let scenario = drawn(&Target::ours(), &cases).scenario;
        let of_turn = |turn| {
            let faults = scenario.faults.iter();
            faults.filter(|fault| fault.turn == Some(turn)).count()
        };
        assert_eq!(
            (of_turn(1), of_turn(2)),
            (5, 2),
            "four and what makes them come, one and another"
        );
    }

    #[test]
    fn what_is_said_once_is_waited_for_alone() {
        let cases = [0; 2].map(|way| case(Event::Close, way, Reach::StartsAlone));
        let scenario = drawn(&Target::ours(), &cases).scenario;
        let turns: Vec<_> = scenario.faults.iter().map(|fault| fault.turn).collect();
        assert_eq!(turns, [Some(1), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn a_single_case_is_a_scenario_file_that_reads_back_as_itself() {
        let drawn = drawn(&Target::ours(), &[case(Event::Confirm, 7, Reach::Opens)]);
        let text = toml::to_string(&drawn.scenario).expect("a file");
        let back: Scenario = toml::from_str(&text).expect("a scenario");
        assert_eq!(back, drawn.scenario, "{text}");
        assert!(back.bites.contains_key("fault_1_bites"));
    }
}
