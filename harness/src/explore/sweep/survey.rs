//! The run in front of a sweep: what passes on each edge while nothing is broken, when connections are opened again, and when
//! processes are started again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Serialize;

use super::{
    drawn,
    kind::{Kind, Tally},
    reach::Reach,
};
use crate::{
    ask::{
        fault::Role,
        party,
        scenario::{Fault, Own, Scenario},
        target::{
            Target,
            process::{Edge, Plays},
        },
        wire::Event,
    },
    history::{self, FaultPhase, History},
};

/// What a survey is called.
pub const NAME: &str = "sweep/survey";
/// How long nothing is broken at first.
const STEADY: Duration = Duration::from_secs(3);
/// Fewer do not flow.
const FLOWS: usize = 3;

/// A kind of message that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Which.
    #[serde(flatten)]
    pub kind: Kind,
    /// How often.
    pub seen: u64,
    /// First, in milliseconds since the survey began.
    pub first_ms: u64,
    /// And last.
    pub last_ms: u64,
    /// How it is made to come.
    pub reach: Reach,
}

/// What a survey has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// What passed.
    pub kinds: Vec<Known>,
    /// Edges that are not swept.
    pub unnamed: BTreeSet<String>,
}

/// The survey's scenario: first nothing, then each edge's connections are cut, then each process is stopped and started.
pub(super) fn scenario(target: &Target) -> Scenario {
    let rests = target
        .pace
        .rests
        .map_or(Duration::ZERO, |rests| rests.get());
    let steady = STEADY.max(rests * 2);
    let mut cuts: Vec<Fault> = edges(target)
        .iter()
        .map(|edge| drawn::severed(edge))
        .collect();
    let mut restarts: Vec<Fault> = roles(target).into_iter().map(drawn::restart).collect();
    if let Some(first) = cuts.first_mut() {
        first.at = Some(format!("{}ms", steady.as_millis()));
    }
    // All that is opened again is seen before anything is started again.
    if let Some(first) = restarts.first_mut() {
        first.at = Some(format!("{}ms", steady.as_millis()));
    }
    let mut faults = cuts;
    faults.append(&mut restarts);
    for (turn, fault) in (1..).zip(&mut faults) {
        fault.turn = Some(turn);
    }
    Scenario {
        story: "Each connection is cut once, and each process stopped and started: what passes is listed.".to_owned(),
        system: drawn::system(target),
        workload: drawn::workload(target),
        own: Own::default(),
        faults,
        bites: BTreeMap::new(),
        expect: drawn::expect(target),
        plan: None,
    }
}

/// The edges on which the target speaks a language that can be read.
fn edges(target: &Target) -> Vec<String> {
    let mut edges = Vec::new();
    let mut add = |edge: String| {
        if !edges.contains(&edge) {
            edges.push(edge);
        }
    };
    match target.write.is_http() {
        true => target
            .processes
            .iter()
            .filter(|process| process.is(Plays::Api))
            .filter_map(|process| process.plays.first())
            .for_each(|role| add(format!("client -> {}", role.name()))),
        false => add("client -> postgres".to_owned()),
    }
    for process in &target.processes {
        let Some(role) = process.plays.first() else {
            continue;
        };
        let servers = process.edges.iter().filter_map(|edge| match edge {
            Edge::Postgres => Some("postgres"),
            Edge::Rabbitmq => Some("rabbitmq"),
            Edge::Stomp | Edge::Management => None,
        });
        servers.for_each(|server| add(format!("{} -> {server}", role.name())));
    }
    let system = drawn::system(target);
    edges.retain(|edge| party::edge(edge, &system).is_ok());
    edges
}

/// The first role of each process.
fn roles(target: &Target) -> Vec<Role> {
    let mut roles: Vec<Role> = target
        .processes
        .iter()
        .filter_map(|process| process.plays.first())
        .map(|plays| Role::from(*plays))
        .collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}

/// Parts of a survey, in milliseconds since it began.
#[derive(Debug, Clone, Copy)]
struct Marks {
    driven: u64,
    broken: u64,
    restarted: u64,
    over: u64,
}

impl Marks {
    fn of(history: &History) -> Self {
        let at = |wanted: &dyn Fn(&history::Event) -> bool| {
            let entry = history.entries().iter().find(|entry| wanted(&entry.event));
            entry.map_or(u64::MAX, |entry| entry.at_us / 1_000)
        };
        let cuts = history.scenario().map_or(0, |scenario| {
            let of_edges = scenario.faults.iter();
            of_edges.take_while(|fault| fault.edge.is_some()).count()
        });
        let asked = |from: usize| move |event: &history::Event| matches!(event, history::Event::Fault { fault, phase: FaultPhase::Asked, .. } if *fault >= from);
        Self {
            driven: at(&|event| matches!(event, history::Event::Planned { .. })),
            broken: at(&asked(0)),
            restarted: at(&asked(cuts)),
            over: at(&|event| matches!(event, history::Event::Driven { .. })),
        }
    }

    fn reach(self, times: &[u64]) -> Reach {
        let within =
            |from: u64, to: u64| times.iter().filter(|at| (from..to).contains(*at)).count();
        let middle = self.driven.midpoint(self.broken);
        match () {
            () if within(0, self.over) == 0 => Reach::Last,
            () if within(self.driven, self.broken) >= FLOWS && within(middle, self.broken) > 0 => {
                Reach::Flows
            }
            () if within(self.broken, self.restarted) > 0 => Reach::Opens,
            () => Reach::Starts,
        }
    }
}

/// What was seen, and how it is made to come again. A process that plays no role, such as a ticker, has an edge that no scenario
/// can name: what passes there is not swept.
pub(super) fn surveyed(seen: BTreeMap<Kind, Tally>, history: &History) -> Surveyed {
    let system = history.scenario().map(|scenario| &scenario.system);
    let is_named = |edge: &str| system.is_some_and(|system| party::edge(edge, system).is_ok());
    let (named, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        seen.into_iter().partition(|(kind, _)| is_named(&kind.edge));
    Surveyed {
        kinds: known(named, history),
        unnamed: others.into_keys().map(|kind| kind.edge).collect(),
    }
}

fn known(seen: BTreeMap<Kind, Tally>, history: &History) -> Vec<Known> {
    let marks = Marks::of(history);
    let known = seen.into_iter().map(|(kind, tally)| Known {
        reach: marks.reach(&tally.times),
        seen: tally.seen,
        first_ms: tally.times.first().copied().unwrap_or_default(),
        last_ms: tally.times.last().copied().unwrap_or_default(),
        kind,
    });
    // Nobody waits for a heartbeat: it comes when nothing else does.
    known
        .filter(|known| !matches!(known.kind.event, Event::Heartbeat | Event::HeartbeatReply))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::fault;

    #[test]
    fn a_survey_cuts_each_edge_and_then_restarts_each_process_one_after_the_other() {
        let scenario = scenario(&Target::ours());
        let faults = fault::Fault::all(&scenario).expect("sound");
        let turns: Vec<Option<u32>> = faults.iter().map(|fault| fault.turn).collect();
        assert_eq!(turns, (1..=9).map(Some).collect::<Vec<_>>());
        let edges: Vec<&str> = scenario
            .faults
            .iter()
            .filter_map(|fault| fault.edge.as_deref())
            .collect();
        assert_eq!(edges.len(), 6, "{edges:?}");
        assert!(edges.contains(&"client -> api") && edges.contains(&"consumer -> rabbitmq"));
    }

    #[test]
    fn how_a_message_is_made_to_come_is_told_by_when_it_came() {
        let marks = Marks {
            driven: 100,
            broken: 200,
            restarted: 300,
            over: 400,
        };
        assert_eq!(marks.reach(&[110, 120, 160, 250]), Reach::Flows);
        assert_eq!(
            marks.reach(&[110, 120, 130, 250]),
            Reach::Opens,
            "a pool filled"
        );
        assert_eq!(marks.reach(&[20, 250]), Reach::Opens);
        assert_eq!(marks.reach(&[20, 350]), Reach::Starts);
        assert_eq!(marks.reach(&[450]), Reach::Last);
    }
}
