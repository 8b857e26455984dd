//! What was tried, and what of it bit: each fault at each place in each phase, and each two faults in one run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{phase::Phase, stock::Stock};

/// A fault at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spot {
    /// What is done.
    pub fault: String,
    /// Where: a role, or a role's edge.
    pub place: String,
}

impl Spot {
    /// Of several processes of a place it does not matter which.
    pub fn of(fault: &str, place: &str) -> Self {
        let is_word = |word: &&str| word.parse::<u32>().is_err();
        let words: Vec<&str> = place.split_whitespace().filter(is_word).collect();
        Self {
            fault: fault.to_owned(),
            place: words.join(" "),
        }
    }
}

/// Two faults that meet in one run, in the order of their names.
type Pair = (String, String);

/// What was tried so far, and what of it bit.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    tried: BTreeSet<Spot>,
    wanted: BTreeMap<(Spot, Phase), u32>,
    tried_pairs: BTreeMap<Pair, u32>,
    bitten: BTreeSet<(Spot, Phase)>,
    bitten_pairs: BTreeSet<Pair>,
}

fn pair(one: &Spot, other: &Spot) -> Pair {
    let mut both = [one.fault.clone(), other.fault.clone()];
    both.sort();
    let [first, second] = both;
    (first, second)
}

/// Each two of some.
fn pairs(spots: &[Spot]) -> impl Iterator<Item = Pair> {
    let each = spots.iter().enumerate();
    each.flat_map(|(at, one)| spots[at + 1..].iter().map(move |other| pair(one, other)))
}

impl Coverage {
    /// These are tried in one run, each in the phase that is wanted.
    pub fn drawn(&mut self, spots: &[(Spot, Phase)]) {
        for (spot, phase) in spots {
            self.tried.insert(spot.clone());
            *self.wanted.entry((spot.clone(), *phase)).or_default() += 1;
        }
        let spots: Vec<Spot> = spots.iter().map(|(spot, _)| spot.clone()).collect();
        for pair in pairs(&spots) {
            *self.tried_pairs.entry(pair).or_default() += 1;
        }
    }

    /// These bit in one run, each in the phase in which it struck.
    pub fn bit(&mut self, spots: &[(Spot, Phase)]) {
        self.bitten.extend(spots.iter().cloned());
        let spots: Vec<Spot> = spots.iter().map(|(spot, _)| spot.clone()).collect();
        self.bitten_pairs.extend(pairs(&spots));
    }

    /// How much is new about these: pairs that were never tried count most, then places and phases; what was tried and did not
    /// bite is a little new.
    pub fn novelty(&self, spots: &[(Spot, Phase)]) -> u32 {
        let alone: Vec<Spot> = spots.iter().map(|(spot, _)| spot.clone()).collect();
        let of_pairs = pairs(&alone).map(|pair| match self.tried_pairs.get(&pair) {
            None => 6,
            Some(1) if !self.bitten_pairs.contains(&pair) => 1,
            Some(_) => 0,
        });
        let of_spots = spots.iter().map(|cell| {
            let spot = u32::from(!self.tried.contains(&cell.0)) * 4;
            let phase = match self.wanted.get(cell) {
                _ if self.bitten.contains(cell) => 0,
                None => 3,
                Some(1) => 1,
                Some(_) => 0,
            };
            spot + phase
        });
        of_pairs.chain(of_spots).sum()
    }

    /// The numbers, of what could be.
    pub fn told(&self, stock: &Stock) -> Covered {
        let bitten: BTreeSet<&Spot> = self.bitten.iter().map(|(spot, _)| spot).collect();
        let never = self.tried.iter().filter(|spot| !bitten.contains(spot));
        // What strikes in another phase than it was to was tried in both.
        let cells: BTreeSet<_> = self.wanted.keys().chain(&self.bitten).collect();
        let mut phases: BTreeMap<Phase, usize> = BTreeMap::new();
        for (_, phase) in &self.bitten {
            *phases.entry(*phase).or_default() += 1;
        }
        Covered {
            places: Part {
                bitten: bitten.len(),
                tried: self.tried.len(),
                of: stock.places(),
            },
            cells: Part {
                bitten: self.bitten.len(),
                tried: cells.len(),
                of: stock.places() * super::phase::PHASES.len(),
            },
            pairs: Part {
                bitten: self.bitten_pairs.len(),
                tried: self.tried_pairs.len(),
                of: stock.pairs(),
            },
            phases,
            never_bitten: never.cloned().collect(),
        }
    }
}

/// How much of something was covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Part {
    /// So much bit.
    pub bitten: usize,
    /// So much was tried.
    pub tried: usize,
    /// Of so much.
    pub of: usize,
}

/// What was covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// Faults at places.
    pub places: Part,
    /// Faults at places in phases.
    pub cells: Part,
    /// Two faults in one run.
    pub pairs: Part,
    /// Faults at places that bit, by phase.
    pub phases: BTreeMap<Phase, usize>,
    /// What was tried and never bit.
    pub never_bitten: Vec<Spot>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::Target;

    fn spot(fault: &str, place: &str) -> Spot {
        Spot {
            fault: fault.to_owned(),
            place: place.to_owned(),
        }
    }

    #[test]
    fn what_did_not_bite_is_tried_and_not_covered() {
        let stock = Stock::of(&Target::ours(), |_| None);
        let mut coverage = Coverage::default();
        let cut = (spot("cut", "relay -> rabbitmq"), Phase::Load);
        let kill = (spot("kill", "relay"), Phase::Outage);
        coverage.drawn(&[cut.clone(), kill.clone()]);
        let told = coverage.told(&stock);
        assert_eq!((told.cells.bitten, told.cells.tried), (0, 2));
        assert_eq!((told.pairs.bitten, told.pairs.tried), (0, 1));
        assert_eq!(told.never_bitten.len(), 2);
        coverage.bit(&[(cut.0, Phase::Start)]);
        let told = coverage.told(&stock);
        assert_eq!((told.cells.bitten, told.pairs.bitten), (1, 0));
        assert_eq!(
            told.cells.tried, 3,
            "two that were wanted, and one that came"
        );
        assert_eq!(told.phases[&Phase::Start], 1);
        assert_eq!(told.never_bitten, [kill.0]);
    }

    #[test]
    fn what_was_never_tried_is_newer_than_what_was() {
        let mut coverage = Coverage::default();
        let cut = (spot("cut", "relay -> rabbitmq"), Phase::Load);
        let kill = (spot("kill", "relay"), Phase::Load);
        let both = [cut.clone(), kill.clone()];
        let untried = coverage.novelty(&both);
        coverage.drawn(&both);
        let unbitten = coverage.novelty(&both);
        coverage.bit(&both);
        let bitten = coverage.novelty(&both);
        assert!(
            untried > unbitten && unbitten > bitten,
            "{untried} {unbitten} {bitten}"
        );
        assert_eq!(bitten, 0);
        let unwanted = [(cut.0.clone(), Phase::Start)];
        coverage.bit(&unwanted);
        assert_eq!(coverage.novelty(&unwanted), 0, "it came by itself");
        let elsewhere = [cut, (spot("kill", "api"), Phase::Load)];
        assert!(
            coverage.novelty(&elsewhere) > 0,
            "a new place for a known pair"
        );
    }
}
