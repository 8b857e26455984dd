//! Candidates, tried side by side.

use super::{Course, Oracle, written};
use crate::{
    ask::scenario::Scenario,
    explore::{shrink::signature::Seen, suite},
};

/// So often what is red is tried again where care is taken.
const DOUBTS: usize = 2;

impl<O: Oracle> Course<'_, O> {
    /// Tries candidates; with care, where that is called for.
    pub(super) async fn believed(&mut self, candidates: &[Scenario]) -> Vec<bool> {
        let mut shown = self.tried(candidates).await;
        if self.careful {
            self.doubt(candidates, &mut shown).await;
        }
        shown
    }

    /// Tries once more what is red, and does not believe it where it then is not.
    async fn doubt(&mut self, candidates: &[Scenario], shown: &mut [bool]) {
        let red: Vec<usize> = (0..shown.len()).filter(|at| shown[*at]).collect();
        let again: Vec<Scenario> = red
            .iter()
            .flat_map(|at| vec![candidates[*at].clone(); DOUBTS])
            .collect();
        let again = self.oracle.try_each(&again).await;
        for (at, again) in red.into_iter().zip(again.chunks(DOUBTS)) {
            let mut seen = Seen::default();
            again.iter().for_each(|again| seen.again(*again));
            shown[at] = seen.is_about(self.original);
        }
    }

    /// Tries candidates side by side, best first, until one is red. Says of those that were tried whether they are.
    pub(super) async fn tried(&mut self, candidates: &[Scenario]) -> Vec<bool> {
        let mut shown = Vec::new();
        for wave in candidates.chunks(self.oracle.at_once().max(1)) {
            if !self.oracle.has_time() {
                break;
            }
            shown.extend(self.wave(wave).await);
            if shown.contains(&true) {
                break;
            }
        }
        shown
    }

    /// Tries some candidates as often as it takes to believe that they are not red. What is not sound is not.
    async fn wave(&mut self, wave: &[Scenario]) -> Vec<bool> {
        let texts: Vec<String> = wave.iter().map(written).collect();
        let mut shown: Vec<bool> = texts
            .iter()
            .map(|text| self.known.get(text) == Some(&true))
            .collect();
        let is_new =
            |at: &usize| !self.known.contains_key(&texts[*at]) && suite::sound(&wave[*at]).is_ok();
        let new: Vec<usize> = (0..wave.len()).filter(is_new).collect();
        for _ in 0..self.often.tries() {
            let open: Vec<usize> = new.iter().copied().filter(|at| !shown[*at]).collect();
            if open.is_empty() || shown.contains(&true) || !self.oracle.has_time() {
                break;
            }
            let asked: Vec<Scenario> = open.iter().map(|at| self.hasty(&wave[*at])).collect();
            for (at, red) in open.into_iter().zip(self.oracle.try_each(&asked).await) {
                shown[at] |= red;
            }
        }
        for at in new {
            self.known.insert(texts[at].clone(), shown[at]);
        }
        shown
    }

    /// A candidate that has no longer than the target's own pace to recover, where that is known: whatever is red by that is
    /// confirmed with all the time that the story has.
    fn hasty(&self, candidate: &Scenario) -> Scenario {
        let mut hasty = candidate.clone();
        let budget = humantime::parse_duration(&hasty.expect.recovered_within);
        if let (Some(pace), Ok(budget)) = (self.pace, budget)
            && pace < budget
        {
            hasty.expect.recovered_within = humantime::format_duration(pace).to_string();
        }
        hasty
    }
}
