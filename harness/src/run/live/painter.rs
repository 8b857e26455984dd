//! Looks at the system several times a second, for as long as a run goes on.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Live,
    picture::{Counts, Edge, Part, State},
};
use crate::{
    ask::fault::{Action, Fault, Role, Server, Target},
    run::gauge::Gauge,
    system::System,
    wire::tap::TapCounters,
};

/// A picture each.
const EVERY: Duration = Duration::from_millis(250);

/// What passed each edge when it was last looked at.
type Before = HashMap<(String, String), u64>;

/// Paints for ever.
pub(in crate::run) async fn paint(
    live: &Live,
    system: &System,
    gauge: watch::Receiver<Gauge>,
) -> Infallible {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut last) = (Before::new(), Instant::now());
    loop {
        tick.tick().await;
        let (mut picture, faults) = live.known();
        counted(&mut picture.counts, &gauge.borrow());
        let on = faults.iter().zip(&picture.faults);
        let on: Vec<(&Fault, &str)> = on
            .filter(|(_, broken)| broken.phase.is_on())
            .map(|(fault, broken)| (fault, broken.what.as_str()))
            .collect();
        picture.parts = parts(system, &on).await;
        let elapsed = last.elapsed().as_secs_f64().max(f64::EPSILON);
        last = Instant::now();
        picture.edges = edges(system, &on, &mut before, elapsed);
        live.show(picture);
    }
}

fn counted(counts: &mut Counts, gauge: &Gauge) {
    let now = gauge.counts;
    counts.stored = now.stored.unsigned_abs();
    counts.backlog = (now.waiting + now.held).unsigned_abs();
    counts.sent = now.sent.unsigned_abs();
    counts.given_up = now.given_up.unsigned_abs();
    counts.deliveries = gauge.deliveries;
    counts.messages = gauge.messages;
    counts.applied = now.applied.unsigned_abs();
    counts.parked = now.parked.unsigned_abs();
}

async fn parts(system: &System, on: &[(&Fault, &str)]) -> Vec<Part> {
    let mut parts = Vec::new();
    for member in system.members() {
        let hit = on.iter().filter(|(fault, _)| match fault.target {
            Target::Process(party) => member.is(party),
            Target::Edge { .. } | Target::Server(_) => false,
        });
        let hit: Vec<_> = hit.collect();
        let frozen = hit.iter().any(|(fault, _)| fault.action == Action::Freeze);
        let state = match member.is_running().await {
            false => State::Down,
            true if frozen => State::Frozen,
            true => State::Up,
        };
        parts.push(Part {
            name: member.name(),
            state,
            hit: hit.iter().map(|(_, what)| (*what).to_owned()).collect(),
        });
    }
    for server in [Server::Postgres, Server::RabbitMq] {
        let hit = on
            .iter()
            .filter(|(fault, _)| fault.target == Target::Server(server));
        let hit: Vec<_> = hit.collect();
        let is = |action: fn(&Action) -> bool| hit.iter().any(|(fault, _)| action(&fault.action));
        let state = match () {
            () if is(|action| {
                matches!(action, Action::Kill | Action::Terminate | Action::CutPower)
            }) =>
            {
                State::Down
            }
            () if is(|action| *action == Action::Freeze) => State::Frozen,
            () => State::Up,
        };
        parts.push(Part {
            name: Role::Server(server).name().to_owned(),
            state,
            hit: hit.iter().map(|(_, what)| (*what).to_owned()).collect(),
        });
    }
    parts
}

fn edges(system: &System, on: &[(&Fault, &str)], before: &mut Before, elapsed: f64) -> Vec<Edge> {
    let ways = system.ways().map(|way| {
        let counters = way.link.counters();
        let passed = passed(&counters);
        let ends = (way.from.clone(), way.to.clone());
        let was = before.insert(ends, passed).unwrap_or(passed);
        let hit = on.iter().filter(|(fault, _)| match fault.target {
            Target::Edge { from, to } => way.is_between(from, to),
            Target::Process(_) | Target::Server(_) => false,
        });
        Edge {
            from: way.from.clone(),
            to: way.to.clone(),
            per_second: passed.saturating_sub(was) as f64 / elapsed,
            connections: counters.connections_living,
            hit: hit.map(|(_, what)| (*what).to_owned()).collect(),
        }
    });
    ways.collect()
}

fn passed(counters: &TapCounters) -> u64 {
    counters.requests + counters.deliveries
}
