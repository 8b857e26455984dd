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

/// Fewer operations that are taken show nothing.
const ACCEPTED: u64 = 20;

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
    // no traffic from it. Wherever cuts fall, there is time enough without any for as much as `[bites]` asks for.
    let two = |(first, second)| vec![first, second];
    let (seconds, faults) = match faults {
        0 => (2, Just(Vec::new()).boxed()),
        1 => (4, cut(100..=1200, 1200..=1800).prop_map(one).boxed()),
        _ => {
            let pair = (cut(100..=500, 1200..=1800), cut(1000..=1500, 1500..=2000));
            (5, pair.prop_map(two).boxed())
        }
    };
    (system, workload(seconds), faults).prop_map(|(system, (workload, own), faults)| Scenario {
        story: "Random operations, and perhaps a random cut: the invariants hold.".to_owned(),
        system,
        workload,
        own,
        faults,
        bites: BTreeMap::from([("accepted".to_owned(), at_least(ACCEPTED))]),
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
    (1..=12u32, 40..=60u32, 0..=60u32, 1..=2u32, 0..=15u32, own).prop_map(
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

/// A fault that begins so many milliseconds into the workload, and lasts so many.
fn cut(at: RangeInclusive<u64>, lasts: RangeInclusive<u64>) -> impl Strategy<Value = Fault> {
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
    (what, at, lasts).prop_map(|((edge, action), at, lasts)| Fault {
        edge: Some(edge.to_owned()),
        process: None,
        action: action.to_owned(),
        at: Some(format!("{at}ms")),
        when: None,
        turn: None,
        within: None,
        lasts: Some(format!("{lasts}ms")),
        idle: false,
        may_miss: false,
    })
}

fn at_least(bound: u64) -> Condition {
    Condition::try_from(format!(">= {bound}")).expect("a condition as scenarios write it")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ask::pace::Pace;

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

    /// Cuts may all fall on the way of those who ask, and all that is asked for meanwhile come to nothing.
    #[test]
    fn wherever_cuts_fall_enough_is_asked_for_without_any() {
        for (name, scenario) in (0..300).flat_map(scenarios) {
            let Ok(Pace::Rate { per_second, span }) = scenario.pace() else {
                panic!("{name} has no rate");
            };
            let of = |text: &Option<String>| -> Duration {
                let text = text.as_deref().expect("a time");
                humantime::parse_duration(text).expect("a time")
            };
            let ends = scenario
                .faults
                .iter()
                .map(|fault| of(&fault.at) + of(&fault.lasts));
            let begins = scenario.faults.iter().map(|fault| of(&fault.at)).min();
            let broken = ends.max().unwrap_or_default() - begins.unwrap_or_default();
            let free = span.saturating_sub(broken).as_secs_f64() * f64::from(per_second);
            let own = &scenario.own;
            let refused = own.too_low + own.conflict + own.closed;
            let taken = free * f64::from(100 - refused) / 100.0;
            assert!(
                taken >= ACCEPTED as f64 * 1.5,
                "{name}: {taken} of {scenario:?}"
            );
        }
    }
}
