//! What the judge says: five values, and never only a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;

/// Ordered from best to worst; a run has the worst of its findings.
///
/// Evidence outranks the lack of it: a counterexample (`Fail`) stands however little else was seen. `Error` is worst,
/// because a lab that broke vouches for nothing, its own counterexamples included; those stay in the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Checked on evidence, and it holds.
    Pass,
    /// The fault or the workload never bit: holding means nothing.
    Vacuous,
    /// Not enough evidence either way.
    Unknown,
    /// There is a counterexample.
    Fail,
    /// The lab broke.
    Error,
}

impl Verdict {
    /// 0 pass · 1 fail · 3 unknown or vacuous · 4 error. (2, wrong usage, is no verdict.)
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Unknown | Self::Vacuous => 3,
            Self::Error => 4,
        }
    }

    /// Of several runs. None at all is an error: a suite without a run proves nothing.
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Error)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Vacuous => "vacuous",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
            Self::Error => "error",
        })
    }
}

/// What one checker found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The checker, one of [`crate::check::NAMES`].
    pub checker: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub reason: String,
    /// The first few counterexamples, worst first; at most [`Finding::EXAMPLES`].
    pub examples: Vec<String>,
    /// How much was looked at, and what was counted on the way.
    pub counts: BTreeMap<String, u64>,
}

impl Finding {
    /// How many examples a finding keeps; the counts tell how many there were.
    pub const EXAMPLES: usize = 5;

    /// A checker that could not do its work.
    pub fn error(checker: &str, reason: impl Into<String>) -> Self {
        Self {
            checker: checker.to_owned(),
            verdict: Verdict::Error,
            reason: reason.into(),
            examples: Vec::new(),
            counts: BTreeMap::new(),
        }
    }
}

/// A checker that had nothing to judge by. It never counts as a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotJudged {
    /// The checker, one of [`crate::check::NAMES`].
    pub checker: String,
    /// What was missing, and what would bring it.
    pub why: String,
}

/// The verdict on one run, with everything it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The worst of the findings.
    pub verdict: Verdict,
    /// One a checker, in the order of [`crate::check::NAMES`].
    pub findings: Vec<Finding>,
    /// The checkers that could not judge this run. Part of the verdict, too.
    pub not_judged: Vec<NotJudged>,
    /// The run in numbers.
    pub facts: Facts,
    /// The checkers that ran. Part of the verdict: a set that shrank is not the same verdict.
    pub ran: Vec<String>,
}

impl Judgement {
    /// Sums up. Checkers that should have run and did not become findings of their own, with verdict `Error`.
    pub fn of(
        mut findings: Vec<Finding>,
        not_judged: Vec<NotJudged>,
        facts: Facts,
        expected: &[&str],
    ) -> Self {
        let ran: Vec<String> = findings
            .iter()
            .map(|finding| finding.checker.clone())
            .collect();
        let said = |name: &str| not_judged.iter().any(|not| not.checker == name);
        for missing in expected
            .iter()
            .filter(|name| !ran.iter().any(|ran| ran == *name) && !said(name))
        {
            findings.push(Finding::error(missing, "this checker did not run"));
        }
        Self {
            verdict: Verdict::worst(findings.iter().map(|finding| finding.verdict)),
            findings,
            not_judged,
            facts,
            ran,
        }
    }

    /// The findings that are not a pass, worst first.
    pub fn red(&self) -> Vec<&Finding> {
        let mut red: Vec<&Finding> = self
            .findings
            .iter()
            .filter(|f| f.verdict != Verdict::Pass)
            .collect();
        red.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
        red
    }

    /// The verdict in one sentence.
    pub fn reason(&self) -> String {
        match self.red().first() {
            None if self.not_judged.is_empty() => format!("all {} checkers pass", self.ran.len()),
            None => {
                let not: Vec<&str> = self.not_judged.iter().map(|n| n.checker.as_str()).collect();
                format!(
                    "{} checkers pass; not judged: {}",
                    self.ran.len(),
                    not.join(", ")
                )
            }
            Some(finding) => format!("{}: {}", finding.checker, finding.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_outranks_its_lack_and_error_outranks_all() {
        use Verdict::{Error, Fail, Pass, Unknown, Vacuous};
        assert_eq!(Verdict::worst([Pass, Vacuous]), Vacuous);
        assert_eq!(Verdict::worst([Vacuous, Unknown]), Unknown);
        assert_eq!(Verdict::worst([Unknown, Fail, Vacuous]), Fail);
        assert_eq!(Verdict::worst([Fail, Error]), Error);
        assert_eq!(Verdict::worst([]), Error);
        assert_eq!(
            [Pass, Fail, Unknown, Vacuous, Error].map(Verdict::exit_code),
            [0, 1, 3, 3, 4]
        );
    }

    #[test]
    fn a_checker_that_did_not_run_is_an_error() {
        let judgement = Judgement::of(Vec::new(), Vec::new(), Facts::default(), &["loss"]);
        assert_eq!(judgement.verdict, Verdict::Error);
        assert_eq!(judgement.reason(), "loss: this checker did not run");
        assert!(judgement.ran.is_empty());
    }

    #[test]
    fn a_checker_that_could_not_judge_is_named_and_makes_no_pass_of_its_own() {
        let not = NotJudged {
            checker: "ownership".to_owned(),
            why: "sampled: the server has wal_level = replica".to_owned(),
        };
        let expected = ["loss", "ownership"];
        let alone = Judgement::of(
            Vec::new(),
            vec![not.clone()],
            Facts::default(),
            &expected[1..],
        );
        assert_eq!(alone.verdict, Verdict::Error);
        let pass = Finding {
            verdict: Verdict::Pass,
            ..Finding::error("loss", "holds")
        };
        let judgement = Judgement::of(vec![pass], vec![not], Facts::default(), &expected);
        assert_eq!(judgement.verdict, Verdict::Pass);
        assert_eq!(judgement.reason(), "1 checkers pass; not judged: ownership");
    }
}
