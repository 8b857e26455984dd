//! The way from a red story to the least that is red by the same: faults first, then operations, then whatever makes it easier,
//! then time.

mod waves;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{
    ddmin::Ddmin,
    easing::{Easing, easings},
    guesses::guesses,
    reduced::{hurried, shorter, showing_order, sooner, triggered, with_faults, with_operations},
    signature::Seen,
};
use crate::{ask::scenario::Scenario, explore::suite};

/// Who says whether stories are red.
pub trait Oracle {
    /// Runs each once, and says of each whether it shows what the original shows; nothing of those that could not be run.
    fn try_each(&mut self, candidates: &[Scenario]) -> impl Future<Output = Vec<Option<bool>>>;
    /// How many are run at once.
    fn at_once(&self) -> usize;
    /// Whether there is time to try something more.
    fn has_time(&self) -> bool;
    /// What was run until now was the original; what is run from now on is not.
    fn measured(&mut self) {}
    /// Something was made smaller, or is made next.
    fn told(&self, line: &str);
}

/// So often something is run to see how often it is red, at first and in between.
const SEEN: usize = 3;
/// And so often where that was not each time.
const DOUBTED: usize = 10;
/// What a fault's time is divided by, from the shortest that is tried.
const PARTS: [u64; 3] = [16, 4, 2];
/// The most that is left between two things, in milliseconds.
const GAPS_MS: [u64; 3] = [10, 50, 200];

/// Where a story is on its way.
pub(super) struct Course<'o, O> {
    oracle: &'o mut O,
    /// The least so far.
    pub best: Scenario,
    /// How often the original is red.
    pub original: Seen,
    /// How often what is made smaller is: the original, or that with its faults brought by operations. What is smaller must be red
    /// about as often.
    usual: Seen,
    /// How often what it has come to is.
    often: Seen,
    /// Everything was tried that might be left out, and nothing had to be put back after that.
    pub whole: bool,
    /// The last operation is one more than it takes, for an order to be seen.
    pub added: bool,
    /// What was red on the way to `best` since it was last seen to be red often enough, the original first.
    trail: Vec<Scenario>,
    known: HashMap<String, bool>,
    /// Of some candidate nobody could say whether it is red.
    missed: bool,
    settings: bool,
    /// How long the target takes to recover, where it says so.
    pub pace: Option<Duration>,
    /// Whether a run that shows no order could not be green.
    pub shows_order: bool,
    /// What is red once is tried again before it is believed.
    careful: bool,
}

impl<'o, O: Oracle> Course<'o, O> {
    /// From this story, with its plan. Of some targets the settings are part of the story.
    pub fn from(original: Scenario, settings: bool, oracle: &'o mut O) -> Self {
        Self {
            oracle,
            trail: vec![original.clone()],
            best: original,
            original: Seen::default(),
            usual: Seen::default(),
            often: Seen::default(),
            whole: false,
            added: false,
            known: HashMap::new(),
            missed: false,
            settings,
            pace: None,
            shows_order: false,
            careful: false,
        }
    }

    /// Sees how often the original is red; more often where that is not each time. Whether it is often enough.
    pub async fn measure(&mut self) -> bool {
        self.original = self.seen(&self.best.clone(), SEEN).await;
        if self.original.is_known() && self.original.times < SEEN {
            let more = self.seen(&self.best.clone(), DOUBTED - SEEN).await;
            self.original = Seen {
                times: self.original.times + more.times,
                of: self.original.of + more.of,
            };
        }
        self.usual = self.original;
        self.oracle.measured();
        if self.original.times < self.original.of {
            self.trigger().await;
        }
        self.often = self.usual;
        !self.usual.is_flaky()
    }

    /// What the clock brings is brought by the operations, where that shows it more often.
    async fn trigger(&mut self) {
        let other = triggered(&self.best).filter(|other| suite::sound(other).is_ok());
        let Some(other) = other.filter(|_| self.oracle.has_time()) else {
            return;
        };
        let seen = self.seen(&other, SEEN).await;
        if seen.is_known() && seen.times == seen.of {
            self.oracle.told(
                "faults come with operations now, and not at times: that shows it more often",
            );
            (self.best, self.usual) = (other.clone(), seen);
            self.trail = vec![other];
        }
    }

    /// How often a story is red of so many runs; of those that could not be run nothing is counted.
    async fn seen(&mut self, scenario: &Scenario, runs: usize) -> Seen {
        let mut seen = Seen::default();
        let shown = self.oracle.try_each(&vec![scenario.clone(); runs]).await;
        let known = shown.into_iter().flatten();
        known.for_each(|shown| seen.again(shown));
        seen
    }

    /// Leaves out what can be left out, one kind of thing after the other.
    pub async fn shrink(&mut self, named: &BTreeSet<(u16, u32)>) {
        let whole = self.best.clone();
        self.faults().await;
        self.confirm().await;
        if !self.guess(named).await && self.best.faults.len() < whole.faults.len() {
            self.trade(whole, named).await;
        }
        self.operations().await;
        if !self.confirm().await {
            // What was left out too easily is left out again with more care, in the time that there is.
            self.careful = true;
            self.known.clear();
            self.guess(named).await;
            self.operations().await;
        }
        if self.best.faults.len() > 1 {
            self.faults().await;
        }
        self.polish().await;
        self.whole = self.oracle.has_time() && !self.missed;
        // Whether that is red is seen in the end.
        if let Some(more) = showing_order(&self.best).filter(|_| self.shows_order) {
            self.take(more);
            self.added = true;
        }
    }

    /// Tries some few operations at once. Whether they do.
    async fn guess(&mut self, named: &BTreeSet<(u16, u32)>) -> bool {
        let base = self.best.clone();
        let guesses = guesses(&base, named);
        let candidates: Vec<Scenario> = guesses
            .iter()
            .map(|kept| with_operations(&base, kept))
            .collect();
        let shown = self.believed(&candidates).await;
        let red = (0..shown.len()).filter(|at| shown[*at] == Some(true));
        let Some(least) = red.min_by_key(|at| guesses[*at].len()) else {
            return false;
        };
        let (count, of) = (guesses[least].len(), operations(&base));
        self.oracle.told(&format!("operations: {count} of {of}"));
        self.take(candidates[least].clone());
        true
    }

    /// Few operations with every fault are less than many without some.
    async fn trade(&mut self, whole: Scenario, named: &BTreeSet<(u16, u32)>) {
        let before = (self.best.clone(), self.trail.clone());
        (self.best, self.trail) = (whole.clone(), vec![whole]);
        if !self.guess(named).await {
            (self.best, self.trail) = before;
        }
    }

    async fn operations(&mut self) {
        let ddmin = Ddmin::of(operations(&self.best), 1);
        self.minimise("operations", ddmin, with_operations).await;
    }

    /// Makes easier and shorter whatever can be: all of it at once, and where that is too much, one after the other.
    async fn polish(&mut self) {
        let eased = |story: &Scenario, all: &[Easing]| {
            all.iter()
                .fold(story.clone(), |story, easing| easing.of(&story))
        };
        let all = easings(&self.best, self.settings);
        let easy = eased(&self.best, &all);
        let best = &self.best;
        let at_once = vec![
            hurried(&easy, PARTS[0], GAPS_MS[0]),
            hurried(&easy, PARTS[1], GAPS_MS[1]),
            easy,
            hurried(best, PARTS[1], GAPS_MS[1]),
        ];
        let at_once: Vec<Scenario> = at_once.into_iter().filter(|one| one != best).collect();
        let taken = self.first_of(at_once, "everything easier and sooner").await;
        if taken == Some(0) {
            return;
        }
        let all = easings(&self.best, self.settings);
        let easier = |base: &Scenario, kept: &[usize]| {
            let left_out = all.iter().enumerate().filter(|(at, _)| !kept.contains(at));
            left_out.fold(base.clone(), |story, (_, easing)| easing.of(&story))
        };
        let ddmin = Ddmin::of(all.len(), 0);
        self.minimise("circumstances", ddmin, easier).await;
        self.times().await;
    }

    async fn faults(&mut self) {
        let faults = self.best.faults.len();
        // Often one of them is enough.
        let each = (0..faults).map(|at| vec![at]).collect();
        let ddmin = Ddmin::of(faults, 0).guessing(each);
        self.minimise("faults", ddmin, with_faults).await;
    }

    /// Leaves out as much of one kind of thing as it can.
    async fn minimise(
        &mut self,
        what: &str,
        mut ddmin: Ddmin,
        less: impl Fn(&Scenario, &[usize]) -> Scenario,
    ) {
        let base = self.best.clone();
        let of = ddmin.kept().len();
        while self.oracle.has_time() {
            let round = ddmin.round();
            if round.is_empty() {
                break;
            }
            let candidates: Vec<Scenario> = round.iter().map(|kept| less(&base, kept)).collect();
            let shown = self.believed(&candidates).await;
            let red = (0..shown.len()).filter(|at| shown[*at] == Some(true));
            if let Some(at) = red.min_by_key(|at| round[*at].len()) {
                self.oracle
                    .told(&format!("{what}: {} of {of}", round[at].len()));
                self.take(candidates[at].clone());
            }
            let known = round.into_iter().zip(shown);
            ddmin.take(known.filter_map(|(one, red)| Some((one, red?))).collect());
        }
    }

    fn take(&mut self, smaller: Scenario) {
        self.trail.push(smaller.clone());
        self.best = smaller;
    }

    /// Makes times shorter: first those of faults, then those between things.
    async fn times(&mut self) {
        for fault in 0..self.best.faults.len() {
            let parts = PARTS.into_iter();
            let candidates = parts
                .filter_map(|part| shorter(&self.best, fault, part))
                .collect();
            self.first_of(candidates, &format!("fault {}: shorter", fault + 1))
                .await;
        }
        let gaps = GAPS_MS.into_iter();
        let candidates = gaps.filter_map(|gap| sooner(&self.best, gap)).collect();
        self.first_of(candidates, "everything sooner").await;
    }

    /// Takes the first that is red, and says which that is.
    async fn first_of(&mut self, candidates: Vec<Scenario>, what: &str) -> Option<usize> {
        let shown = self.tried(&candidates).await;
        let red = shown.iter().position(|red| *red == Some(true))?;
        self.oracle.told(what);
        self.take(candidates[red].clone());
        Some(red)
    }

    /// Sees whether the least so far is red about as often as the original, and goes back half of the way where it is not.
    /// Whether it is.
    async fn confirm(&mut self) -> bool {
        let mut at_once = true;
        while self.trail.len() > 1 && self.oracle.has_time() {
            let seen = self.seen(&self.best.clone(), SEEN).await;
            if !seen.is_known() {
                break;
            }
            if seen.is_about(self.usual) {
                self.trail = vec![self.best.clone()];
                self.often = seen;
                return at_once;
            }
            at_once = false;
            self.oracle.told(&format!("red only {seen} times: back"));
            self.back();
        }
        at_once
    }

    /// Half of the way. What was too seldom red is not taken again.
    fn back(&mut self) {
        self.known.insert(written(&self.best), false);
        self.trail.truncate(self.trail.len() / 2);
        if let Some(before) = self.trail.last() {
            self.best = before.clone();
        }
    }

    /// How often the least is red in the end, whatever time that takes. What could not be confirmed and is red too seldom is not
    /// the least.
    pub async fn outcome(&mut self, runs: usize) -> Seen {
        loop {
            let seen = self.seen(&self.best.clone(), runs).await;
            if !seen.is_known() || seen.is_about(self.usual) || self.trail.len() <= 1 {
                return seen;
            }
            self.oracle.told(&format!("red only {seen} times: back"));
            self.back();
            (self.whole, self.added) = (false, false);
        }
    }
}

fn operations(story: &Scenario) -> usize {
    let plan = story.plan.as_ref();
    plan.map_or(0, |plan| plan.operations.len())
}

/// What tells a story from others.
fn written(one: &Scenario) -> String {
    serde_json::to_string(one).unwrap_or_default()
}

#[cfg(test)]
mod tests;
