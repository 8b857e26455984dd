//! Looks at the system several times a second, for as long as a run goes on.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Live,
    picture::{Edge, Part, State},
};
use crate::{
    ask::fault::{Action, Fault, Role, Server, Target},
    run::gauge::Gauge,
    system::System,
};

/// A picture each.
const EVERY: Duration = Duration::from_millis(250);

/// What passed each edge when it was last looked at.
type Before = HashMap<(String, String), u64>;

/// The faults that are in place.
struct On<'f>(Vec<(&'f Fault, &'f str)>);

/// Those of them that hit one thing.
struct Hits<'f>(Vec<&'f (&'f Fault, &'f str)>);

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
        let (picture, faults) = live.known();
        let on = faults.iter().zip(&picture.faults);
        let on = on.filter(|(_, broken)| broken.phase.is_on());
        let on = On(on
            .map(|(fault, broken)| (fault, broken.what.as_str()))
            .collect());
        let parts = parts(system, &on).await;
        let elapsed = last.elapsed().as_secs_f64().max(f64::EPSILON);
        last = Instant::now();
        let edges = edges(system, &on, &mut before, elapsed);
        let gauge = *gauge.borrow();
        live.saw(parts, edges, &gauge);
    }
}

impl<'f> On<'f> {
    fn hits(&'f self, is: impl Fn(&Target) -> bool) -> Hits<'f> {
        let hits = self.0.iter().filter(|(fault, _)| is(&fault.target));
        Hits(hits.collect())
    }
}

impl Hits<'_> {
    fn are(&self, is: impl Fn(&Action) -> bool) -> bool {
        self.0.iter().any(|(fault, _)| is(&fault.action))
    }

    fn freeze(&self) -> bool {
        self.are(|action| *action == Action::Freeze)
    }

    fn told(&self) -> Vec<String> {
        self.0.iter().map(|(_, what)| (*what).to_owned()).collect()
    }
}

async fn parts(system: &System, on: &On<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for member in system.members() {
        let hits = on.hits(|target| matches!(target, Target::Process(party) if member.is(*party)));
        let runs = member.is_running().await;
        parts.push(part(member.name(), runs, &hits));
    }
    for server in [Server::Postgres, Server::RabbitMq] {
        let hits = on.hits(|target| *target == Target::Server(server));
        let ends =
            |action: &Action| matches!(action, Action::Kill | Action::Terminate | Action::CutPower);
        let name = Role::Server(server).name().to_owned();
        parts.push(part(name, !hits.are(ends), &hits));
    }
    parts
}

fn part(name: String, runs: bool, hits: &Hits<'_>) -> Part {
    let state = match runs {
        false => State::Down,
        true if hits.freeze() => State::Frozen,
        true => State::Up,
    };
    Part {
        name,
        state,
        hit: hits.told(),
    }
}

fn edges(system: &System, on: &On<'_>, before: &mut Before, elapsed: f64) -> Vec<Edge> {
    let ways = system.ways().map(|way| {
        let counters = way.link.counters();
        let passed = counters.requests + counters.deliveries;
        let ends = (way.from.clone(), way.to.clone());
        let was = before.insert(ends, passed).unwrap_or(passed);
        let between = |target: &Target| match target {
            Target::Edge { from, to } => way.is_between(*from, *to),
            Target::Process(_) | Target::Server(_) => false,
        };
        Edge {
            per_second: passed.saturating_sub(was) as f64 / elapsed,
            connections: counters.connections_living,
            hit: on.hits(between).told(),
            from: way.from,
            to: way.to,
        }
    });
    ways.collect()
}
