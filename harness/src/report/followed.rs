//! What the model's checker has followed over a set of runs: a set in which nothing was redelivered, taken over or marked too
//! late says nothing about the steps that matter.

use std::fmt::{Display, Formatter};

use crate::judge::summary::RunSummary;

/// The steps that a set must have met, as the checker counts them, and what one of them is called.
const OWED: [(&str, &str); 3] = [
    ("takeovers", "takeover"),
    ("received_again", "redelivery"),
    ("stale_marks", "stale mark"),
];

/// Sums over runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    runs: usize,
    met: [u64; 3],
}

impl Followed {
    /// None where the model has followed no run, or none by a single step.
    pub fn of(runs: &[RunSummary]) -> Option<Self> {
        let findings = runs.iter().flat_map(|run| &run.findings);
        let steps = |checker: &str| checker == "model";
        let counts = findings.filter(|finding| {
            let taken = finding.counts.get("steps");
            steps(&finding.checker) && taken.is_some_and(|taken| *taken > 0)
        });
        let counts: Vec<_> = counts.map(|finding| &finding.counts).collect();
        let sum = |name: &str| counts.iter().filter_map(|counts| counts.get(name)).sum();
        (!counts.is_empty()).then(|| Self {
            runs: counts.len(),
            met: OWED.map(|(name, _)| sum(name)),
        })
    }

    /// What none of a set of runs has met, in a sentence.
    pub fn lacking(runs: &[RunSummary]) -> Option<String> {
        match Self::of(runs) {
            Some(followed) => followed.unmet(),
            None => Some("the model has followed no run".to_owned()),
        }
    }

    fn unmet(&self) -> Option<String> {
        let met = OWED.iter().zip(self.met);
        let unmet: Vec<&str> = met
            .filter(|(_, met)| *met == 0)
            .map(|((_, one), _)| *one)
            .collect();
        (!unmet.is_empty()).then(|| format!("no run has met a {}", unmet.join(", or a ")))
    }
}

impl Display for Followed {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let [takeovers, redeliveries, stale] = self.met;
        write!(
            f,
            "model: {} runs replayed, {takeovers} takeovers, {redeliveries} redeliveries, {stale} stale marks",
            self.runs
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::judge::{check::all, proof::story::Story};

    fn runs(stories: &[Story]) -> Vec<RunSummary> {
        let summary = |story: &Story| {
            let history = story.history();
            RunSummary::new(&history, &all(&history), Path::new("runs/1"), String::new())
        };
        stories.iter().map(summary).collect()
    }

    #[test]
    fn a_set_that_met_nothing_says_what_it_lacks() {
        let followed = Followed::of(&runs(&[Story::clean()])).expect("a run that was followed");
        assert_eq!(
            followed.to_string(),
            "model: 1 runs replayed, 0 takeovers, 0 redeliveries, 0 stale marks"
        );
        let unmet = "no run has met a takeover, or a redelivery, or a stale mark";
        assert_eq!(followed.unmet().as_deref(), Some(unmet));
    }

    #[test]
    fn what_one_run_met_the_set_has_met() {
        let mut runs = runs(&[Story::clean(), Story::clean()]);
        for finding in &mut runs[1].findings {
            finding.counts.insert("takeovers".to_owned(), 2);
        }
        let followed = Followed::of(&runs).expect("two runs");
        let unmet = "no run has met a redelivery, or a stale mark";
        assert_eq!(followed.unmet().as_deref(), Some(unmet));
    }

    #[test]
    fn where_the_server_shows_no_commits_nothing_was_followed() {
        let mut story = Story::clean();
        story.sampled("the server has wal_level = replica");
        let runs = runs(&[story]);
        assert_eq!(Followed::of(&runs), None);
        let nothing = "the model has followed no run";
        assert_eq!(Followed::lacking(&runs).as_deref(), Some(nothing));
    }

    #[test]
    fn a_run_that_was_followed_by_no_step_was_not_followed() {
        let mut runs = runs(&[Story::clean()]);
        for finding in &mut runs[0].findings {
            finding.counts.insert("steps".to_owned(), 0);
        }
        assert_eq!(Followed::of(&runs), None);
    }
}
