use std::collections::BTreeSet;

use super::*;
use crate::{
    ask::scenario::{Plan, When},
    explore::{campaign::phase::PHASES, suite},
};

fn drawn(target: &Target, seeds: std::ops::Range<u64>) -> Vec<Drawn> {
    let can = |_: &[fault::Fault]| None;
    let stock = Stock::of(target, can);
    let drawer = Drawer {
        target,
        stock: &stock,
        cannot: &can,
    };
    let mut coverage = Coverage::default();
    seeds
        .map(|seed| {
            let drawn = drawer.next(seed, &coverage).expect("something");
            coverage.drawn(&drawn.spots);
            drawn
        })
        .collect()
}

#[test]
fn a_seed_draws_the_same_scenario_again_and_another_seed_another() {
    let ours = Target::ours();
    assert_eq!(drawn(&ours, 7..9), drawn(&ours, 7..9));
    assert_ne!(drawn(&ours, 7..8), drawn(&ours, 8..9));
}

#[test]
fn what_is_drawn_is_sound_and_reads_back_as_itself() {
    let all = drawn(&Target::ours(), 0..40);
    let several = all.iter().map(|one| one.spots.len());
    assert_eq!(
        several.collect::<BTreeSet<_>>().len(),
        3,
        "one, two and three"
    );
    for Drawn {
        scenario, spots, ..
    } in all
    {
        suite::sound(&scenario).expect("sound");
        assert!((1..=3).contains(&scenario.faults.len()));
        assert_eq!(spots.len(), scenario.faults.len());
        let plan = scenario.plan.as_ref().expect("a plan");
        let text = plan.text().expect("text");
        assert_eq!(&Plan::read(&text).expect("a plan"), plan);
        assert!(plan.operations.len() >= 5, "{}", plan.operations.len());
    }
}

#[test]
fn settings_are_such_as_the_service_takes() {
    let (mut draws, all) = (Draws::of(1), settings(&Target::ours()));
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let drawn = draws.next(&all).expect("settings");
        let set = drawn.iter();
        let set = set.map(|(name, value)| (name.as_str(), value.as_str()));
        assert_eq!(outbox_service::refused(set), None);
        seen.extend(drawn.into_keys());
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}

#[test]
fn faults_come_by_the_clock_by_a_state_and_by_a_message_and_in_every_phase() {
    let all = drawn(&Target::ours(), 0..80);
    let faults = all.iter().flat_map(|one| &one.scenario.faults);
    let (mut times, mut states, mut messages) = (0, 0, 0);
    for fault in faults {
        match (&fault.at, &fault.when) {
            (Some(_), None) => times += 1,
            (None, Some(When::State(_))) => states += 1,
            (None, Some(When::Message(_))) => messages += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        times > 20 && states > 3 && messages > 20,
        "{times} {states} {messages}"
    );
    let phases: BTreeSet<Phase> = all
        .iter()
        .flat_map(|one| &one.spots)
        .map(|(_, phase)| *phase)
        .collect();
    assert_eq!(phases.len(), PHASES.len());
}

#[test]
fn what_is_drawn_is_seldom_what_was_drawn_before() {
    let all = drawn(&Target::ours(), 0..40);
    let spots: Vec<&Spot> = all
        .iter()
        .flat_map(|one| &one.spots)
        .map(|(spot, _)| spot)
        .collect();
    let different: BTreeSet<&Spot> = spots.iter().copied().collect();
    assert!(
        different.len() * 10 >= spots.len() * 7,
        "{} of {}",
        different.len(),
        spots.len()
    );
}

#[test]
fn two_things_that_would_be_in_each_other_s_way_are_not_done_in_one_run() {
    for Drawn { scenario, .. } in drawn(&Target::ours(), 100..140) {
        let faults = &scenario.faults;
        for (at, one) in faults.iter().enumerate() {
            assert!(
                faults[at + 1..]
                    .iter()
                    .all(|other| Stock::may_meet(one, other)),
                "{faults:?}"
            );
        }
    }
}
