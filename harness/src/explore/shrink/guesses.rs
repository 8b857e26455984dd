//! Which few operations might do: those that the findings name, those around the moment at which something breaks, and some
//! from everywhere.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
};

use super::reduced::at_ms;
use crate::{ask::id::Id, ask::scenario::Scenario, judge::verdict::Finding};

/// How many, from the fewest.
const COUNTS: [usize; 5] = [1, 3, 6, 12, 24];
/// Of those that are named, so many at most.
const NAMED: usize = 6;

/// The operations, by key and number, that these findings' examples name.
pub fn named<'f>(findings: impl Iterator<Item = &'f Finding>) -> BTreeSet<(u16, u32)> {
    let ids = findings.flat_map(Finding::named).filter_map(Id::of);
    ids.map(|id| (id.key, id.number)).collect()
}

/// Guesses at which operations of a plan show what all of them show, by their indexes.
pub(super) fn guesses(scenario: &Scenario, named: &BTreeSet<(u16, u32)>) -> Vec<Vec<usize>> {
    let Some(plan) = &scenario.plan else {
        return Vec::new();
    };
    let operations = &plan.operations;
    let is_named = |at: &usize| named.contains(&(operations[*at].key, operations[*at].number));
    let named: Vec<usize> = (0..operations.len()).filter(is_named).take(NAMED).collect();
    let struck = scenario.faults.iter().find_map(at_ms);
    let struck = struck.map_or(0, |at| operations.partition_point(|one| one.at_ms < at));
    let at = |count: usize| run(struck.min(operations.len() - count), count);
    let mut guesses = vec![named.clone(), with_before(scenario, &named)];
    for count in COUNTS.into_iter().filter(|count| *count < operations.len()) {
        let around = struck
            .saturating_sub(count / 2)
            .min(operations.len() - count);
        let spread = (0..count).map(|at| at * operations.len() / count);
        guesses.extend([at(count), spread.collect(), run(around, count)]);
    }
    guesses.retain(|guess| !guess.is_empty());
    let mut seen = HashSet::new();
    guesses.retain(|guess| seen.insert(guess.clone()));
    guesses
}

fn run(from: usize, count: usize) -> Vec<usize> {
    let range: Range<usize> = from..from + count;
    range.collect()
}

/// With each of them the one before it of its key.
fn with_before(scenario: &Scenario, named: &[usize]) -> Vec<usize> {
    let operations = scenario
        .plan
        .as_ref()
        .map_or(&[][..], |plan| &plan.operations);
    let before = |at: usize| {
        let same = |one: &usize| operations[*one].key == operations[at].key;
        (0..at).rev().find(same)
    };
    let all = named
        .iter()
        .flat_map(|at| before(*at).into_iter().chain([*at]));
    all.collect::<BTreeSet<usize>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ask::{
            id::Run,
            scenario::{Operation, Plan},
        },
        judge::verdict::Verdict,
    };

    fn story(operations: u16) -> Scenario {
        let text = "story = 'told'\nworkload = { keys = 4, writes = '9 planned' }\n\
            [[fault]]\nedge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '250ms'\n";
        let mut scenario: Scenario = toml::from_str(text).expect("a story");
        let operation = |at: u16| Operation::at(u64::from(at) * 10, at % 4, u32::from(at / 4) + 1);
        scenario.plan = Some(Plan {
            operations: (0..operations).map(operation).collect(),
            own: None,
        });
        scenario
    }

    #[test]
    fn what_a_finding_names_is_among_them_alone_and_with_what_came_before_it() {
        let id = Id {
            run: Run::of(9),
            key: 2,
            number: 3,
        };
        let finding = Finding {
            verdict: Verdict::Fail,
            examples: vec![format!("{} is lost (key 2)", id.uuid())],
            ..Finding::error("loss", "")
        };
        let named = named([&finding].into_iter());
        assert_eq!(named, BTreeSet::from([(2, 3)]));
        let guesses = guesses(&story(40), &named);
        assert!(guesses.contains(&vec![10]) && guesses.contains(&vec![6, 10]));
    }

    #[test]
    fn they_are_few_and_lie_where_something_breaks_and_everywhere() {
        let guesses = guesses(&story(60), &BTreeSet::new());
        assert!(guesses.contains(&vec![25, 26, 27]), "{guesses:?}");
        assert!(guesses.contains(&vec![0, 20, 40]));
        assert!(guesses.len() <= 15);
        let few = super::guesses(&story(3), &BTreeSet::new());
        assert!(
            few.iter().all(|guess| guess.len() == 1),
            "three are all: {few:?}"
        );
    }
}
