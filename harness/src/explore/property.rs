//! Properties: whatever clients do, and wherever the cut falls, the invariants hold. The scenarios are drawn by proptest
//! from one seed, so one printed line repeats a run.

use std::{collections::BTreeMap, ops::RangeInclusive};

use proptest::{prelude::Just, prop_oneof, sample::select, strategy::Strategy};

use crate::{
    ask::scenario::{Condition, Expect, Fault, Own, Scenario, System, Workload},
    run::rng::Draws,
};

/// The edges that a random cut may fall on.
const EDGES: [&str; 6] = [
    "client -> api",
    "api -> postgres",
    "relay -> postgres",
    "relay -> rabbitmq",
    "consumer -> postgres",
    "consumer -> rabbitmq",
];

/// The properties, by the names of their scenarios.
pub const NAMES: [&str; 3] = [
    "property/any_bids",
    "property/any_bids_and_one_cut",
    "property/any_bids_and_two_cuts",
];

/// The properties' scenarios for a seed: one without a fault, one with a random one, one with two.
pub fn scenarios(seed: u64) -> Vec<(String, Scenario)> {
    let mut draws = Draws::of(seed);
    let draw = |(faults, name): (usize, &str)| {
        let drawn = draws.next(&scenario(faults));
        let scenario = drawn.expect("the strategy filters nothing, so it cannot fail");
        (name.to_owned(), scenario)
    };
    NAMES.into_iter().enumerate().map(draw).collect()
}

fn scenario(faults: usize) -> impl Strategy<Value = Scenario> {
    let system = (1..=2u32, 1..=2u32).prop_map(|(relays, consumers)| System {
        relays,
        consumers,
        ..System::default()
    });
    let one = |fault| vec![fault];
    // Of two, the second begins within the first and outlasts it: they overlap, and each has time in which the other keeps
    // no traffic from it.
    let two = |(first, second)| vec![first, second];
    let (seconds, faults) = match faults {
        0 => (2, Just(Vec::new()).boxed()),
        1 => (2, cut(100..=1200, Some(1200..=1800)).prop_map(one).boxed()),
        _ => {
            let pair = (cut(100..=500, Some(1200..=1800)), cut(1000..=1500, None));
            (4, pair.prop_map(two).boxed())
        }
    };
    (system, workload(seconds), faults).prop_map(|(system, (workload, own), faults)| Scenario {
        story: "Random operations, and perhaps a random cut: the invariants hold.".to_owned(),
        system,
        workload,
        own,
        faults,
        bites: BTreeMap::from([("accepted".to_owned(), at_least(20))]),
        expect: Expect::default(),
        plan: None,
    })
}

fn workload(seconds: u32) -> impl Strategy<Value = (Workload, Own)> {
    let own = (0..=15u32, 0..=15u32, 0..=15u32, 0..=4u32).prop_map(
        |(too_low, conflict, closed, followers)| Own {
            too_low,
            conflict,
            closed,
            closing: None,
            followers,
        },
    );
    (1..=12u32, 20..=60u32, 0..=60u32, 1..=2u32, 0..=15u32, own).prop_map(
        move |(keys, rate, hot_percent, copies, again, own)| {
            let workload = Workload {
                keys,
                writes: format!("{rate}/s for {seconds}s"),
                hot_percent,
                copies,
                again,
            };
            let followers = own.followers.min(keys);
            (workload, Own { followers, ..own })
        },
    )
}

/// A fault that begins so many milliseconds into the workload, and lasts so many, or until the workload is over.
fn cut(
    at: RangeInclusive<u64>,
    lasts: Option<RangeInclusive<u64>>,
) -> impl Strategy<Value = Fault> {
    // Longer than the relay's patience with a silent broker, so that it is felt even when it begins while a window is
    // already under way. Whoever only listens on an edge says nothing that could be lost: silence bites where requests are made.
    let asking = &EDGES[..4];
    let what = prop_oneof![
        (
            select(&EDGES[..]),
            prop_oneof![Just("cut"), Just("latency 40ms jitter 20ms")]
        ),
        (
            select(asking),
            prop_oneof![Just("stall"), Just("drop replies")]
        ),
    ];
    let lasts = match lasts {
        Some(lasts) => lasts.prop_map(Some).boxed(),
        None => Just(None).boxed(),
    };
    (what, at, lasts).prop_map(|((edge, action), at, lasts)| Fault {
        edge: Some(edge.to_owned()),
        process: None,
        action: action.to_owned(),
        at: Some(format!("{at}ms")),
        when: None,
        turn: None,
        within: None,
        lasts: lasts.map(|lasts| format!("{lasts}ms")),
        idle: false,
        may_miss: false,
    })
}

fn at_least(bound: u64) -> Condition {
    Condition::try_from(format!(">= {bound}")).expect("a condition as scenarios write it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_scenarios_again_and_another_seed_others() {
        assert_eq!(scenarios(7), scenarios(7));
        assert_ne!(scenarios(7), scenarios(8));
        let faults: Vec<usize> = scenarios(7)
            .iter()
            .map(|(_, scenario)| scenario.faults.len())
            .collect();
        assert_eq!(faults, [0, 1, 2]);
    }
}
