//! Delta debugging: of a list, a part that still shows what all of it shows, and of which nothing more can be left out. Who
//! tries the candidates, and how, is somebody else's.

use std::collections::BTreeSet;

/// A list on its way to its least part, by the indexes of what is kept.
#[derive(Debug, Clone)]
pub struct Ddmin {
    kept: Vec<usize>,
    /// What is tried first.
    guesses: Vec<Vec<usize>>,
    /// Into how many parts what is kept is divided.
    parts: usize,
    least: usize,
    /// Left out together what could be left out one by one.
    joined: Option<Vec<usize>>,
    /// Whether the candidates of this round are all but one part each.
    divides: bool,
    tried: BTreeSet<Vec<usize>>,
    done: bool,
}

impl Ddmin {
    /// Of a list of so many, of which so many at least are kept.
    pub fn of(length: usize, least: usize) -> Self {
        Self {
            kept: (0..length).collect(),
            guesses: match least {
                0 if length > 0 => vec![Vec::new()],
                _ => Vec::new(),
            },
            parts: 2,
            least,
            joined: None,
            divides: false,
            tried: BTreeSet::new(),
            done: length <= least,
        }
    }

    /// The same, where somebody has an idea which parts might do.
    #[must_use]
    pub fn guessing(mut self, guesses: Vec<Vec<usize>>) -> Self {
        self.guesses.extend(guesses);
        self
    }

    /// What is kept so far.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// What is to be tried now, best first; nothing when nothing more can be left out. Nothing that was tried comes again.
    pub fn round(&mut self) -> Vec<Vec<usize>> {
        while !self.done {
            let (mut candidates, parts) = match self.joined.take() {
                Some(joined) => (vec![joined], false),
                None if !self.guesses.is_empty() => (std::mem::take(&mut self.guesses), false),
                None => (self.complements(), true),
            };
            let may_be = self.least..self.kept.len();
            candidates.retain(|one| may_be.contains(&one.len()) && !self.tried.contains(one));
            self.divides = parts;
            if !candidates.is_empty() {
                return candidates;
            }
            self.divide();
        }
        Vec::new()
    }

    /// What became of the candidates of a round that were tried: whether each shows it.
    pub fn take(&mut self, tried: Vec<(Vec<usize>, bool)>) {
        let mut red = Vec::new();
        for (one, shows) in tried {
            self.tried.insert(one.clone());
            red.extend(shows.then_some(one));
        }
        red.sort_by_key(Vec::len);
        let Some(smallest) = red.first() else {
            return self.divide();
        };
        let common = |at: &usize| red.iter().all(|one| one.contains(at));
        let joined: Vec<usize> = smallest.iter().copied().filter(common).collect();
        self.joined = (joined.len() < smallest.len()).then_some(joined);
        self.kept = smallest.clone();
        self.parts = match self.divides {
            true => (self.parts - 1).max(2),
            false => 2,
        };
        self.done = self.kept.len() <= self.least;
    }

    /// Into more parts, if it was the parts that were tried.
    fn divide(&mut self) {
        match (self.divides, self.parts >= self.kept.len()) {
            (false, _) => {}
            (true, true) => self.done = true,
            (true, false) => self.parts = (self.parts * 2).min(self.kept.len()),
        }
    }

    /// All but one part, for each part. The later ones are left out first: what comes last is often only what follows.
    fn complements(&self) -> Vec<Vec<usize>> {
        let parts = self.parts.clamp(1, self.kept.len().max(1));
        let bound = |part: usize| part * self.kept.len() / parts;
        let without = |part: usize| {
            let (from, to) = (bound(part), bound(part + 1));
            [&self.kept[..from], &self.kept[to..]].concat()
        };
        (0..parts).rev().map(without).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs it to its end, so many candidates at once; says what is left, and how many were tried.
    fn shrunk(
        mut ddmin: Ddmin,
        at_once: usize,
        red: impl Fn(&[usize]) -> bool,
    ) -> (Vec<usize>, usize) {
        let mut tried = 0;
        loop {
            let round = ddmin.round();
            if round.is_empty() {
                return (ddmin.kept().to_vec(), tried);
            }
            let mut shown = Vec::new();
            for wave in round.chunks(at_once) {
                tried += wave.len();
                shown.extend(wave.iter().map(|one| (one.clone(), red(one))));
                if shown.iter().any(|(_, red)| *red) {
                    break;
                }
            }
            ddmin.take(shown);
        }
    }

    fn has(all: &[usize]) -> impl Fn(&[usize]) -> bool {
        let all = all.to_vec();
        move |one| all.iter().all(|wanted| one.contains(wanted))
    }

    #[test]
    fn what_is_left_shows_it_and_nothing_more_can_be_left_out() {
        for at_once in [1, 4] {
            for wanted in [&[0][..], &[99], &[3, 50, 51], &[0, 20, 40, 60, 80, 99]] {
                let (left, _) = shrunk(Ddmin::of(100, 1), at_once, has(wanted));
                assert_eq!(left, wanted, "in its order");
            }
        }
    }

    /// One of several causes is enough: which one does not matter, that it is only one does.
    #[test]
    fn of_several_causes_one_is_left() {
        let any = |one: &[usize]| one.contains(&7) || (one.contains(&70) && one.contains(&8));
        let (left, _) = shrunk(Ddmin::of(80, 1), 4, any);
        for at in 0..left.len() {
            let mut less = left.clone();
            less.remove(at);
            assert!(!any(&less), "{left:?}");
        }
        assert!(any(&left));
    }

    #[test]
    fn it_asks_a_bounded_number_of_times_and_nothing_twice() {
        let (left, tried) = shrunk(Ddmin::of(128, 1), 1, has(&[77]));
        assert_eq!(left, [77]);
        assert!(tried <= 30, "{tried} for a single cause");
        // The worst: all of it is needed.
        let all: Vec<usize> = (0..32).collect();
        let (left, tried) = shrunk(Ddmin::of(32, 1), 1, has(&all));
        assert_eq!(left, all);
        assert!(tried <= 2 * 32 + 1, "{tried} where nothing can be left out");
    }

    #[test]
    fn all_is_left_out_where_that_may_be() {
        let (left, tried) = shrunk(Ddmin::of(3, 0), 1, |_| true);
        assert_eq!((left, tried), (Vec::new(), 1));
        let (left, _) = shrunk(Ddmin::of(3, 1), 1, |_| true);
        assert_eq!(left.len(), 1);
        let (left, tried) = shrunk(Ddmin::of(1, 1), 1, |_| true);
        assert_eq!((left, tried), (vec![0], 0));
        assert_eq!(shrunk(Ddmin::of(0, 0), 1, |_| true).1, 0);
    }

    #[test]
    fn a_good_guess_is_all_it_takes_and_a_bad_one_costs_one_try() {
        let wanted = [3, 50, 90];
        let guesses = vec![vec![2, 3, 50, 90], vec![1, 2]];
        let (left, with) = shrunk(Ddmin::of(100, 1).guessing(guesses), 1, has(&wanted));
        let (_, without) = shrunk(Ddmin::of(100, 1), 1, has(&wanted));
        assert_eq!(left, wanted);
        assert!(with <= 12 && with < without, "{with} instead of {without}");
        let bad = vec![vec![1, 2]];
        let (left, _) = shrunk(Ddmin::of(100, 1).guessing(bad), 1, has(&wanted));
        assert_eq!(left, wanted);
    }

    #[test]
    fn what_can_be_left_out_one_by_one_is_left_out_together() {
        let (left, tried) = shrunk(Ddmin::of(8, 1), 8, has(&[2]));
        assert_eq!(left, [2]);
        assert!(tried <= 12, "{tried}");
    }
}
