//! Scenarios that are drawn: operations one by one, settings, one to three faults, each with a moment that lies in a phase.

mod strike;
mod timeline;

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail};
use proptest::{
    prop_oneof,
    strategy::{BoxedStrategy, Just, Strategy},
};

use super::{
    coverage::{Coverage, Spot},
    phase::Phase,
    settings::settings,
    stock::Stock,
};
use crate::{
    ask::{
        fault,
        scenario::{Condition, Expect, Fault, Own, Scenario, System, Workload},
        target::{Target, process::Plays},
    },
    explore::{fit, sweep, told},
    run::rng::Draws,
};
use strike::{Strike, strike};
use timeline::{Load, Timeline};

/// A scenario, and what it is to cover.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// As it is run.
    pub scenario: Scenario,
    /// Each fault's place, and the phase in which it is to strike.
    pub spots: Vec<(Spot, Phase)>,
    /// Faults that break a server of the run's own.
    servers: u32,
}

/// So many are drawn, and the newest is run.
const CANDIDATES: usize = 24;
/// So many are drawn before it is believed that nothing can be.
pub(in crate::explore) const MOST: usize = 2_000;
/// Of one role no more processes than this: with two, one is left when the other is struck.
pub(in crate::explore) const SEVERAL: u32 = 2;

/// Everything that is drawn for one scenario.
#[derive(Debug, Clone)]
struct Lot {
    strikes: Vec<Strike>,
    load: Load,
    processes: [u32; 3],
    settings: BTreeMap<String, String>,
}

/// Draws for one target.
pub struct Drawer<'d> {
    /// Whom it is drawn for.
    pub target: &'d Target,
    /// What there is to draw from.
    pub stock: &'d Stock,
    /// Why servers cannot be done these to.
    pub cannot: &'d (dyn Fn(&[fault::Fault]) -> Option<String> + Sync),
}

impl Drawer<'_> {
    /// The newest of what a seed draws. The same seed draws the same where the same was covered.
    ///
    /// # Errors
    /// When nothing of what is drawn can be run.
    pub fn next(&self, seed: u64, coverage: &Coverage) -> Result<Drawn> {
        if self.stock.kinds.is_empty() {
            bail!(
                "nothing can be broken: no fault of the catalogue fits the target on these servers"
            );
        }
        let mut draws = Draws::of(seed);
        let refused = |reason| anyhow!("drawing: {reason}");
        // How many is drawn before all else: more of them are always newer.
        let faults = draws.next(&faults()).map_err(refused)?;
        let lots = self.lots(faults);
        let mut best: Option<(u32, Drawn)> = None;
        let mut found = 0;
        for _ in 0..MOST {
            let lot = draws.next(&lots).map_err(refused)?;
            let Some(drawn) = self.composed(&lot) else {
                continue;
            };
            found += 1;
            let worth = coverage.novelty(&drawn.spots) * 10 / (10 + 6 * drawn.servers);
            if best.as_ref().is_none_or(|(known, _)| worth > *known) {
                best = Some((worth, drawn));
            }
            if found == CANDIDATES {
                break;
            }
        }
        match best {
            Some((_, drawn)) => Ok(drawn),
            None => bail!("of {MOST} scenarios that were drawn none can be run"),
        }
    }

    fn lots(&self, faults: usize) -> BoxedStrategy<Lot> {
        let strikes = proptest::collection::vec(strike(), faults);
        let several = |role| match self.target.most(role) {
            None => Just(0).boxed(),
            Some(most) => (1..=most.min(SEVERAL)).boxed(),
        };
        let processes = Plays::NAMED.map(|(_, role)| several(role));
        let load = timeline::load(self.target);
        (strikes, load, processes, settings(self.target))
            .prop_map(|(strikes, load, processes, settings)| Lot {
                strikes,
                load,
                processes,
                settings,
            })
            .boxed()
    }

    /// A lot as a scenario, if that can be run.
    fn composed(&self, lot: &Lot) -> Option<Drawn> {
        let [apis, relays, consumers] = lot.processes;
        let mut system = System {
            // Whoever takes no requests has none to ask.
            apis: apis.max(1),
            relays: relays.max(1),
            consumers,
            settings: lot.settings.clone(),
            ..System::default()
        };
        let mut timeline = Timeline::of(&lot.load, self.target);
        let (mut faults, mut spots): (Vec<Fault>, Vec<(Spot, Phase)>) = Default::default();
        for strike in &lot.strikes {
            let kind = strike.kind(self.stock);
            let place = strike.place(kind);
            let fault = kind.at(place);
            if faults.iter().any(|other| !Stock::may_meet(other, &fault)) {
                return None;
            }
            if fault.stays() {
                system.relays = 2;
            }
            let (fault, phase) = strike.timed(fault, &mut timeline, &faults);
            spots.push((Spot::of(&kind.name, place), phase));
            faults.push(strike.one_of(fault, &system));
        }
        let scenario = self.scenario(system, faults, &timeline, &lot.load);
        if !fit::can_be_run(&scenario, self.target, self.cannot) {
            return None;
        }
        let faults = fault::Fault::all(&scenario).ok()?.into_iter();
        let servers = faults.filter(|fault| fault.breaks_server().is_some());
        Some(Drawn {
            servers: u32::try_from(servers.count()).unwrap_or(u32::MAX),
            scenario,
            spots,
        })
    }

    fn scenario(
        &self,
        system: System,
        faults: Vec<Fault>,
        timeline: &Timeline,
        load: &Load,
    ) -> Scenario {
        let plan = timeline.plan(load);
        let base = Scenario {
            story: String::new(),
            system,
            workload: Workload {
                keys: 1,
                writes: "1 planned".to_owned(),
                hot_percent: 0,
                copies: 1,
                again: 0,
            },
            own: Own::default(),
            expect: self.expect(&faults),
            bites: BTreeMap::new(),
            faults,
            plan: None,
        };
        let mut scenario = base.planned(plan);
        scenario.story = told::story(&scenario);
        scenario
    }

    /// What a target promises, and nothing more; what somebody else put in their way is allowed for.
    fn expect(&self, faults: &[Fault]) -> Expect {
        let any = Condition::try_from(">= 0".to_owned());
        let does = |action: &str| faults.iter().any(|fault| fault.action == action);
        let allowed = [
            ("spoil an event", "events_failed"),
            ("send nonsense", "dead_letters"),
        ];
        let allowed = allowed.into_iter().filter(|(action, _)| does(action));
        Expect {
            facts: allowed
                .filter_map(|(_, fact)| Some((fact.to_owned(), any.clone().ok()?)))
                .collect(),
            ..sweep::expect(self.target)
        }
    }
}

/// One to three.
fn faults() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(1), 5 => Just(2), 3 => Just(3)]
}

#[cfg(test)]
mod tests;
