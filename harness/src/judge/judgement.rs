//! What all checkers together say of one run.

use serde::{Deserialize, Serialize};

use super::{
    facts::Facts,
    metrics::Metrics,
    verdict::{Finding, NotJudged, Verdict},
};

/// The verdict on one run, with everything it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The worst of the findings.
    pub verdict: Verdict,
    /// One a checker, in the order of [`crate::judge::check::names`].
    pub findings: Vec<Finding>,
    /// The checkers that could not judge this run. Part of the verdict, too.
    pub not_judged: Vec<NotJudged>,
    /// The run in numbers.
    pub facts: Facts,
    /// What it shows beside the verdict.
    pub metrics: Metrics,
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
            metrics: Metrics::default(),
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

    #[test]
    fn whoever_ran_or_could_not_judge_vouches_for_himself_alone() {
        let pass = Finding {
            verdict: Verdict::Pass,
            ..Finding::error("loss", "holds")
        };
        let not = NotJudged {
            checker: "ownership".to_owned(),
            why: "sampled".to_owned(),
        };
        let expected = ["loss", "ownership", "order"];
        let judgement = Judgement::of(vec![pass], vec![not], Facts::default(), &expected);
        assert_eq!(judgement.reason(), "order: this checker did not run");
    }

    #[test]
    fn the_worst_comes_first() {
        let of = |checker: &str, verdict| Finding {
            verdict,
            ..Finding::error(checker, "because")
        };
        let findings = vec![of("bite", Verdict::Vacuous), of("loss", Verdict::Fail)];
        let judgement = Judgement::of(findings, Vec::new(), Facts::default(), &[]);
        assert_eq!(judgement.reason(), "loss: because");
    }
}
