//! Properties: whatever clients do, and wherever the cut falls, the invariants hold. The scenarios are drawn by proptest
//! from one seed, so one printed line repeats a run.

use std::collections::BTreeMap;

use proptest::{
    prelude::Just,
    prop_oneof,
    sample::select,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};

use crate::{
    scenario::{Condition, Expect, Fault, Mix, Scenario, System, Workload},
    workload,
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
    let mut runner = TestRunner::new_with_rng(Config::default(), workload::rng(seed));
    let draw = |(faults, name): (usize, &str)| {
        let drawn = scenario(faults).new_tree(&mut runner);
        let scenario = drawn
            .expect("the strategy filters nothing, so it cannot fail")
            .current();
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
    (system, bids(), proptest::collection::vec(cut(), faults)).prop_map(
        |(system, workload, faults)| Scenario {
            story: "Random bids, and perhaps a random cut: the invariants hold.".to_owned(),
            system,
            workload,
            faults,
            bites: BTreeMap::from([("bids_accepted".to_owned(), at_least(20))]),
            expect: Expect::default(),
        },
    )
}

fn bids() -> impl Strategy<Value = Workload> {
    let mix = (0..=15u32, 0..=15u32, 0..=15u32, 0..=15u32).prop_map(
        |(too_low, again, conflict, closed)| Mix {
            too_low,
            again,
            conflict,
            closed,
        },
    );
    (1..=12u32, 50..=200u32, 0..=60u32, 1..=3u32, mix).prop_map(
        |(auctions, rate, hot_percent, copies, mix)| Workload {
            auctions,
            bids: format!("{rate}/s for 2s"),
            hot_percent,
            copies,
            mix,
        },
    )
}

fn cut() -> impl Strategy<Value = Fault> {
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
    (what, 100..=1200u64, 1200..=1800u64).prop_map(|((edge, action), at, lasts)| Fault {
        edge: Some(edge.to_owned()),
        process: None,
        action: action.to_owned(),
        at: Some(format!("{at}ms")),
        when: None,
        lasts: Some(format!("{lasts}ms")),
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
