//! Proof that the judge can fail, and for the right reason: random legal histories pass every checker, and one change
//! to such a history turns exactly the checkers red that own what was broken.

mod committed;
mod legal;
mod shown;

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::judge::check::all;
use crate::judge::proof::story::Story;
use crate::judge::verdict::Verdict;
use legal::{act, legal};

type Mutant = (&'static str, fn(&mut Story), &'static [&'static str]);

fn all_mutants() -> impl Iterator<Item = &'static Mutant> {
    shown::MUTANTS.iter().chain(committed::MUTANTS)
}

fn red(story: &Story) -> BTreeSet<String> {
    all(&story.history())
        .red()
        .iter()
        .map(|finding| finding.checker.clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_mutant_is_caught_by_its_own_checkers_and_no_other(
        acts in prop::collection::vec(act(), 0..10),
        copies in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let story = legal(&acts, &copies);
        let judgement = all(&story.history());
        prop_assert_eq!(judgement.verdict, Verdict::Pass, "{:#?}", judgement.red());
        for (name, mutate, expected) in all_mutants() {
            let mut mutant = story.clone();
            mutate(&mut mutant);
            prop_assert_ne!(&mutant.events, &story.events, "{} changes nothing", name);
            let expected: BTreeSet<String> = expected.iter().map(|checker| (*checker).to_owned()).collect();
            prop_assert_eq!(red(&mutant), expected, "{}", name);
        }
    }
}

#[test]
fn every_checker_has_a_mutant() {
    let caught: BTreeSet<&str> = all_mutants()
        .flat_map(|(_, _, checkers)| *checkers)
        .copied()
        .collect();
    assert_eq!(caught, crate::judge::check::names().collect());
}
