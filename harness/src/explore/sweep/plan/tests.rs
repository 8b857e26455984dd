use super::*;
use crate::{ask::wire::Event, explore::sweep::kind::Kind};

fn known(count: usize, reach: Reach) -> Vec<Known> {
    let kinds = (0..count).map(|number| Known {
        kind: Kind {
            edge: "api -> postgres".to_owned(),
            event: Event::Execute,
            fingerprint: format!("statement {number}"),
        },
        seen: 9,
        first_ms: 1,
        last_ms: 2,
        reach,
    });
    kinds.collect()
}

fn shown(batch: &Batch, red: impl Fn(&[usize]) -> bool) -> Shown {
    let cells: Vec<usize> = batch.cases.iter().map(|(at, _)| *at).collect();
    Shown {
        fates: vec![Fate::Struck; cells.len()],
        red: red(&cells).then(|| "fail: loss: 1 event lost".to_owned()),
        broken: false,
    }
}

/// Runs a whole plan of what is red by this rule; says how many runs that took.
fn run(plan: &mut Plan, red: impl Fn(&[usize]) -> bool) -> usize {
    plan.instance = INSTANCES;
    let mut runs = 0;
    while let Some(batch) = plan.next(Time::Enough) {
        runs += 1;
        let shown = shown(&batch, &red);
        plan.take(batch, &shown, runs as u64);
    }
    plan.finish();
    runs
}

fn named(plan: &Plan, name: &str) -> Vec<usize> {
    let cells = plan.cells.iter().enumerate();
    let named = cells.filter(|(_, cell)| cell.outcome.name() == name);
    named.map(|(at, _)| at).collect()
}

#[test]
fn every_kind_is_tried_once_in_each_of_its_ways_on_few_arrangements() {
    let mut plan = Plan::of(&known(10, Reach::Flows));
    assert_eq!(plan.cells.len(), 60);
    let runs = run(&mut plan, |_| false);
    assert!(runs < 5, "{runs}");
    assert_eq!(named(&plan, "pass").len(), 60);
}

#[test]
fn one_bad_case_among_many_is_found_by_halves_and_red_twice_alone() {
    let mut plan = Plan::of(&known(10, Reach::Flows));
    let plain = run(&mut Plan::of(&known(10, Reach::Flows)), |_| false);
    let runs = run(&mut plan, |cells| cells.contains(&17));
    assert_eq!(named(&plan, "FAIL"), [17]);
    assert_eq!(named(&plan, "pass").len(), 59);
    assert!(runs < plain + 14, "{runs}");
    assert!(matches!(&plan.cells[17].outcome, Outcome::Red { why, .. } if why.contains("loss")));
}

#[test]
fn two_that_are_red_only_together_are_said_to_be_and_are_not_green() {
    let mut plan = Plan::of(&known(2, Reach::Flows));
    run(&mut plan, |cells| cells.contains(&0) && cells.contains(&11));
    assert_eq!(named(&plan, "FAIL"), [0; 0]);
    let together = named(&plan, "red together");
    assert!(
        together.contains(&0) && together.contains(&11),
        "{together:?}"
    );
}

#[test]
fn what_is_red_alone_and_then_not_is_no_pass() {
    let mut plan = Plan::of(&known(1, Reach::Flows));
    let reds = std::cell::Cell::new(0);
    run(&mut plan, |cells| {
        let first = cells == [3] && reds.get() == 0;
        reds.set(reds.get() + u32::from(first));
        first || cells.len() > 1 && cells.contains(&3)
    });
    assert_eq!(named(&plan, "red once"), [3]);
    assert_eq!(named(&plan, "red together"), [0; 0]);
}

#[test]
fn what_did_not_come_is_made_to_come_by_harder_means_and_is_then_not_reached() {
    let mut plan = Plan::of(&known(1, Reach::Flows));
    plan.instance = INSTANCES;
    let mut means = Vec::new();
    while let Some(batch) = plan.next(Time::Enough) {
        means.push(batch.cases[0].1.reach);
        let missed = Shown {
            fates: vec![Fate::Missed; batch.cases.len()],
            ..shown(&batch, |_| false)
        };
        plan.take(batch, &missed, 1);
    }
    assert_eq!(
        means,
        [
            Reach::Flows,
            Reach::Opens,
            Reach::Starts,
            Reach::StartsAlone
        ]
    );
    assert_eq!(named(&plan, "not reached").len(), 6);
}

#[test]
fn what_lost_its_turn_has_another_and_is_left_out_in_the_end() {
    let mut plan = Plan::of(&known(1, Reach::Flows));
    let mut runs = 0;
    while let Some(batch) = plan.next(Time::Enough) {
        runs += 1;
        let late = Shown {
            fates: vec![Fate::NotBegun; batch.cases.len()],
            ..shown(&batch, |_| false)
        };
        plan.take(batch, &late, 1);
    }
    assert_eq!((runs, named(&plan, "left out").len()), (4, 6));
}

#[test]
fn without_time_nothing_new_is_begun_and_what_was_red_is_no_pass() {
    let mut plan = Plan::of(&known(20, Reach::Flows));
    let batch = plan.next(Time::Enough).unwrap();
    let red = shown(&batch, |_| true);
    let cells = batch.cases.len();
    plan.take(batch, &red, 1);
    assert!(
        plan.next(Time::ForSplits)
            .is_some_and(|half| half.cases.len() == cells.div_ceil(2))
    );
    assert_eq!(plan.next(Time::None), None);
    plan.finish();
    assert_eq!(named(&plan, "red together").len(), cells);
    assert_eq!(named(&plan, "left out").len(), 120 - cells);
}

#[test]
fn where_there_is_time_later_instances_are_tried() {
    let mut plan = Plan::of(&known(1, Reach::Flows));
    let mut seen = Vec::new();
    while let Some(batch) = plan.next(Time::Enough) {
        seen.push(batch.cases[0].1.nth);
        let well = shown(&batch, |_| false);
        plan.take(batch, &well, 1);
    }
    assert_eq!(seen, (1..=INSTANCES).collect::<Vec<_>>());
    assert_eq!(plan.cells[0].outcome, Outcome::Pass { times: INSTANCES });
}

#[test]
fn a_run_that_is_red_with_nothing_struck_is_told() {
    let mut plan = Plan::of(&known(1, Reach::Starts));
    let batch = plan.next(Time::Enough).unwrap();
    let broken = Shown {
        fates: vec![Fate::Missed; batch.cases.len()],
        ..shown(&batch, |_| true)
    };
    plan.take(batch, &broken, 1);
    assert_eq!(plan.broken.len(), 1);
}
