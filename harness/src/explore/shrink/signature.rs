//! By what a failure is known again: the checkers that are red. A run that is red by others shows something else, however red
//! it is.

use std::{collections::BTreeSet, fmt};

/// The checkers of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Red each time that it was seen.
    must: BTreeSet<String>,
    /// Red at least once.
    may: BTreeSet<String>,
}

impl Signature {
    /// Of the run that is to be shrunk; none of one in which no checker is red.
    pub fn of(red: BTreeSet<String>) -> Option<Self> {
        let one = || Self {
            must: red.clone(),
            may: red.clone(),
        };
        (!red.is_empty()).then(one)
    }

    /// The same was run again, and these were red. Whether it showed itself: then those who are red each time are the fewer.
    pub fn seen(&mut self, red: &BTreeSet<String>) -> bool {
        let common: BTreeSet<String> = self.must.intersection(red).cloned().collect();
        if common.is_empty() {
            return false;
        }
        self.must = common;
        self.may.extend(red.iter().cloned());
        true
    }

    /// Whether a run shows it: everybody is red who always was, and nobody who never was.
    pub fn is(&self, red: &BTreeSet<String>) -> bool {
        self.must.is_subset(red) && red.is_subset(&self.may)
    }

    /// Whether this checker is red each time.
    pub fn has(&self, checker: &str) -> bool {
        self.must.contains(checker)
    }

    /// The checkers that are red each time.
    pub fn checkers(&self) -> impl Iterator<Item = &str> {
        self.must.iter().map(String::as_str)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<&str> = self.checkers().collect();
        f.write_str(&all.join(", "))
    }
}

/// Less than this, in percent, and nothing that is not seen says anything.
const FLAKY: usize = 20;

/// How often something showed itself of how often it was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Seen {
    /// So often.
    pub times: usize,
    /// Of so many.
    pub of: usize,
}

impl Seen {
    /// It was tried again.
    pub fn again(&mut self, shown: bool) {
        self.times += usize::from(shown);
        self.of += 1;
    }

    /// Whether it was tried at all.
    pub fn is_known(self) -> bool {
        self.of > 0
    }

    /// Whether it shows itself too seldom to be shrunk.
    pub fn is_flaky(self) -> bool {
        self.times * 100 < self.of * FLAKY || self.times == 0
    }

    /// How often a candidate is tried before it is believed that it does not show it: a true one is missed in less than one
    /// case of twenty.
    pub fn tries(self) -> usize {
        const MISSED: f64 = 0.05;
        if self.times >= self.of {
            return 1;
        }
        let never = 1.0 - self.times as f64 / self.of as f64;
        (MISSED.ln() / never.ln()).ceil() as usize
    }

    /// Whether it shows itself about as often as something else does: at least 60 % as often.
    pub fn is_about(self, other: Self) -> bool {
        let (own, others) = (self.times * other.of, other.times * self.of);
        self.times > 0 && own * 10 >= others * 6
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.times, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_failure_is_known_by_who_is_always_red_and_by_nobody_who_never_was() {
        let mut failure = Signature::of(red(&["dedup", "loss", "order"])).expect("red");
        assert!(failure.seen(&red(&["dedup", "loss", "marks"])));
        assert!(failure.is(&red(&["dedup", "loss"])));
        assert!(failure.is(&red(&["dedup", "loss", "order", "marks"])));
        assert!(!failure.is(&red(&["loss"])), "dedup was red each time");
        assert!(!failure.is(&red(&["dedup", "loss", "recovery"])));
        assert_eq!(failure.to_string(), "dedup, loss");
        assert_eq!(Signature::of(red(&[])), None);
    }

    #[test]
    fn another_failure_is_not_the_same_seen_again() {
        let mut failure = Signature::of(red(&["loss"])).expect("red");
        assert!(!failure.seen(&red(&["recovery"])));
        assert!(!failure.seen(&red(&[])));
        assert!(failure.has("loss") && !failure.is(&red(&["recovery"])));
    }

    #[test]
    fn the_rarer_it_is_the_oftener_a_candidate_is_tried() {
        let tries = |times, of| Seen { times, of }.tries();
        assert_eq!(tries(3, 3), 1);
        assert_eq!(tries(9, 10), 2);
        assert_eq!(tries(5, 10), 5);
        assert_eq!(tries(3, 10), 9);
        assert_eq!(tries(2, 10), 14);
        assert!(Seen { times: 1, of: 10 }.is_flaky() && Seen { times: 0, of: 1 }.is_flaky());
        assert!(!Seen { times: 2, of: 10 }.is_flaky());
    }

    #[test]
    fn what_shows_itself_much_less_often_is_not_as_good() {
        let seen = |times, of| Seen { times, of };
        assert!(seen(2, 3).is_about(seen(3, 3)) && !seen(1, 3).is_about(seen(3, 3)));
        assert!(seen(1, 3).is_about(seen(5, 10)) && !seen(0, 3).is_about(seen(1, 10)));
    }
}
