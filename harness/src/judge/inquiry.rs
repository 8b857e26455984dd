//! How a checker collects what it sees and comes to its finding.

use std::collections::{BTreeMap, HashSet};

use crate::judge::verdict::{Finding, Verdict};

/// One checker's work on one history.
pub(super) struct Inquiry {
    checker: &'static str,
    counts: BTreeMap<String, u64>,
    objections: Vec<Objection>,
    examples: Vec<(Verdict, String)>,
    told: HashSet<(&'static str, String)>,
}

struct Objection {
    verdict: Verdict,
    what: &'static str,
    times: u64,
}

impl Inquiry {
    pub(super) fn new(checker: &'static str) -> Self {
        Self {
            checker,
            counts: BTreeMap::new(),
            objections: Vec::new(),
            examples: Vec::new(),
            told: HashSet::new(),
        }
    }

    /// Says how much was looked at, or counts something that is no objection.
    pub(super) fn count(&mut self, what: &str, times: usize) {
        *self.counts.entry(what.to_owned()).or_default() += times as u64;
    }

    /// A counterexample. `what` is the kind, in words that follow a number: "accepted operations that are not stored".
    pub(super) fn fail(&mut self, what: &'static str, example: String) {
        self.object(Verdict::Fail, what, example);
    }

    /// A counterexample about `whom`, who may be met again and counts once.
    pub(super) fn fail_once(&mut self, what: &'static str, whom: String, example: String) {
        if self.told.insert((what, whom)) {
            self.fail(what, example);
        }
    }

    /// Any objection.
    pub(super) fn object(&mut self, verdict: Verdict, what: &'static str, example: String) {
        let same = |o: &&mut Objection| o.verdict == verdict && o.what == what;
        match self.objections.iter_mut().find(same) {
            Some(objection) => objection.times += 1,
            None => self.objections.push(Objection {
                verdict,
                what,
                times: 1,
            }),
        }
        if self.examples.iter().filter(|(v, _)| *v == verdict).count() < Finding::EXAMPLES {
            self.examples.push((verdict, example));
        }
    }

    /// The finding. `looked_at` is the denominator: with nothing looked at and no objection it is vacuous.
    pub(super) fn conclude(mut self, looked_at: usize, what: &str) -> Finding {
        if looked_at == 0 && self.objections.is_empty() {
            self.objections.push(Objection {
                verdict: Verdict::Vacuous,
                what: "",
                times: 0,
            });
        }
        self.count(what, looked_at);
        let verdict = Verdict::worst(
            self.objections
                .iter()
                .map(|o| o.verdict)
                .chain([Verdict::Pass]),
        );
        let worst = self.objections.iter().filter(|o| o.verdict == verdict);
        let reason = match verdict {
            Verdict::Pass => format!("holds for {looked_at} {what}"),
            Verdict::Vacuous if looked_at == 0 && self.objections[0].times == 0 => {
                format!("there were no {what}")
            }
            _ => {
                let said: Vec<String> = worst.map(|o| format!("{} {}", o.times, o.what)).collect();
                said.join("; ")
            }
        };
        for objection in self.objections.iter().filter(|o| o.times > 0) {
            *self.counts.entry(objection.what.to_owned()).or_default() += objection.times;
        }
        self.examples
            .sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
        Finding {
            checker: self.checker.to_owned(),
            verdict,
            reason,
            examples: self
                .examples
                .into_iter()
                .map(|(_, e)| e)
                .take(Finding::EXAMPLES)
                .collect(),
            looked_at: Some(looked_at as u64),
            counts: self.counts,
        }
    }

    /// Like [`Self::conclude`], for checkers whose denominator is given by the run itself: `holds` is the sentence
    /// when there is no objection, and the first objection's example is the sentence when there is one.
    pub(super) fn conclude_with(self, holds: String) -> Finding {
        let mut finding = self.conclude(1, "runs");
        finding.counts.remove("runs");
        finding.looked_at = None;
        finding.reason = match finding.verdict {
            Verdict::Pass => holds,
            _ => finding.examples[0].clone(),
        };
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_kind_gives_reason_and_first_examples() {
        let mut inquiry = Inquiry::new("demo");
        inquiry.object(Verdict::Unknown, "late things", "late".to_owned());
        (0..9).for_each(|n| inquiry.fail("lost things", format!("lost {n}")));
        let finding = inquiry.conclude(10, "things");
        assert_eq!(
            (finding.verdict, finding.reason.as_str()),
            (Verdict::Fail, "9 lost things")
        );
        assert_eq!(
            finding.examples,
            ["lost 0", "lost 1", "lost 2", "lost 3", "lost 4"]
        );
        assert_eq!(finding.counts["lost things"], 9);
        assert_eq!(finding.counts["late things"], 1);
    }

    #[test]
    fn an_empty_denominator_is_vacuous() {
        let finding = Inquiry::new("demo").conclude(0, "things");
        assert_eq!(
            (finding.verdict, finding.reason.as_str()),
            (Verdict::Vacuous, "there were no things")
        );
    }

    #[test]
    fn what_is_unknown_takes_no_place_from_a_counterexample() {
        let mut inquiry = Inquiry::new("demo");
        (0..9).for_each(|n| inquiry.object(Verdict::Unknown, "late things", format!("late {n}")));
        (0..2).for_each(|n| inquiry.fail("lost things", format!("lost {n}")));
        let finding = inquiry.conclude(10, "things");
        assert_eq!(
            finding.examples,
            ["lost 0", "lost 1", "late 0", "late 1", "late 2"]
        );
    }

    #[test]
    fn what_was_looked_at_is_counted_and_a_given_denominator_is_not() {
        let counted = |finding: Finding| finding.counts.into_iter().collect::<Vec<_>>();
        let none = Inquiry::new("demo").conclude(0, "things");
        assert_eq!(counted(none), [("things".to_owned(), 0)]);
        let some = Inquiry::new("demo").conclude(7, "things");
        assert_eq!(counted(some), [("things".to_owned(), 7)]);
        assert_eq!(
            counted(Inquiry::new("demo").conclude_with("holds".to_owned())),
            []
        );
    }

    #[test]
    fn who_says_why_a_run_is_vacuous_is_heard() {
        let mut inquiry = Inquiry::new("demo");
        inquiry.object(
            Verdict::Vacuous,
            "runs without a copy",
            "none came".to_owned(),
        );
        assert_eq!(
            inquiry.conclude(0, "things").reason,
            "1 runs without a copy"
        );
        let mut inquiry = Inquiry::new("demo");
        inquiry.object(
            Verdict::Vacuous,
            "runs without a copy",
            "none came".to_owned(),
        );
        assert_eq!(
            inquiry.conclude(5, "things").reason,
            "1 runs without a copy"
        );
    }
}
