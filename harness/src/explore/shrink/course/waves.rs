//! Candidates, tried side by side.

use super::{Course, Oracle, written};
use crate::{
    ask::scenario::Scenario,
    explore::{shrink::signature::Seen, suite},
};

/// So often what is red is tried again where care is taken.
const DOUBTS: usize = 2;

impl<O: Oracle> Course<'_, O> {
    /// Tries candidates; with care, where that is called for. Says of each whether it is red, and nothing of those that were not
    /// tried as often as it takes.
    pub(super) async fn believed(&mut self, candidates: &[Scenario]) -> Vec<Option<bool>> {
        if !self.careful {
            return self.tried(candidates).await;
        }
        let mut shown: Vec<Option<bool>> = vec![None; candidates.len()];
        let mut open: Vec<usize> = (0..candidates.len()).collect();
        // Each turn that begins has one candidate less to try, for it ends with a red one, which is then believed or not.
        while !open.is_empty() && self.oracle.has_time() {
            let asked: Vec<Scenario> = open.iter().map(|at| candidates[*at].clone()).collect();
            let mut tried = self.tried(&asked).await;
            let red = tried.contains(&Some(true));
            let doubted = self.doubt(&asked, &mut tried).await;
            for (at, tried) in open.iter().zip(tried) {
                shown[*at] = tried;
            }
            if !red || shown.contains(&Some(true)) {
                break;
            }
            let still_open = |at: usize| shown[open[at]].is_none() && !doubted.contains(&at);
            open = (0..open.len())
                .filter(|at| still_open(*at))
                .map(|at| open[at])
                .collect();
        }
        shown
    }

    /// Tries once more what is red, and does not believe it where it then is not. Which those were.
    async fn doubt(&mut self, candidates: &[Scenario], shown: &mut [Option<bool>]) -> Vec<usize> {
        let is_red = |at: &usize| shown[*at] == Some(true);
        let red: Vec<usize> = (0..shown.len()).filter(is_red).collect();
        let again: Vec<Scenario> = red
            .iter()
            .flat_map(|at| vec![candidates[*at].clone(); DOUBTS])
            .collect();
        let again = self.oracle.try_each(&again).await;
        for (at, again) in red.iter().zip(again.chunks(DOUBTS)) {
            let mut seen = Seen::default();
            again.iter().flatten().for_each(|again| seen.again(*again));
            let believed = seen.is_known().then(|| seen.is_about(self.usual));
            shown[*at] = believed;
            let text = written(&candidates[*at]);
            match believed {
                Some(believed) => self.known.insert(text, believed),
                None => self.known.remove(&text),
            };
            self.missed |= believed.is_none();
        }
        red
    }

    /// Tries candidates side by side, best first, until one is red.
    pub(super) async fn tried(&mut self, candidates: &[Scenario]) -> Vec<Option<bool>> {
        let mut shown = Vec::new();
        for wave in candidates.chunks(self.oracle.at_once().max(1)) {
            if !self.oracle.has_time() {
                break;
            }
            shown.extend(self.wave(wave).await);
            if shown.contains(&Some(true)) {
                break;
            }
        }
        shown
    }

    /// Tries some candidates as often as it takes to believe that they are not red, and once more where the lab broke. What is not
    /// sound is not.
    async fn wave(&mut self, wave: &[Scenario]) -> Vec<Option<bool>> {
        let texts: Vec<String> = wave.iter().map(written).collect();
        let known = |(text, one): (&String, &Scenario)| match self.known.get(text) {
            None if suite::sound(one).is_err() => Some(false),
            known => known.copied(),
        };
        let mut shown: Vec<Option<bool>> = texts.iter().zip(wave).map(known).collect();
        let mut greens = vec![0; wave.len()];
        let enough = self.often.tries();
        for _ in 0..=enough {
            let open: Vec<usize> = (0..wave.len()).filter(|at| shown[*at].is_none()).collect();
            if open.is_empty() || shown.contains(&Some(true)) || !self.oracle.has_time() {
                break;
            }
            let asked: Vec<Scenario> = open.iter().map(|at| self.hasty(&wave[*at])).collect();
            for (at, red) in open.into_iter().zip(self.oracle.try_each(&asked).await) {
                greens[at] += usize::from(red == Some(false));
                shown[at] = red.filter(|red| *red || greens[at] >= enough);
            }
        }
        self.missed |= !shown.contains(&Some(true)) && shown.contains(&None);
        for (text, shown) in texts.into_iter().zip(&shown) {
            self.known.extend(shown.map(|red| (text, red)));
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
