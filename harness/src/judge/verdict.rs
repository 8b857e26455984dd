//! What the judge says: five values, and never only a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// The checker, one of [`crate::judge::check::NAMES`].
    pub checker: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub reason: String,
    /// The first few counterexamples, worst first; at most [`Finding::EXAMPLES`].
    pub examples: Vec<String>,
    /// How much was looked at, where that is a number of something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<u64>,
    /// The same by its name, and what was counted on the way.
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
            looked_at: None,
            counts: BTreeMap::new(),
        }
    }

    /// The operations that the examples name, in their order.
    pub fn named(&self) -> impl Iterator<Item = Uuid> {
        let words = self.examples.iter().flat_map(|example| {
            example.split(|sign: char| !(sign.is_ascii_hexdigit() || sign == '-'))
        });
        words.filter_map(|word| word.parse().ok())
    }
}

/// A checker that had nothing to judge by. It never counts as a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotJudged {
    /// The checker, one of [`crate::judge::check::NAMES`].
    pub checker: String,
    /// What was missing, and what would bring it.
    pub why: String,
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
    fn a_verdict_is_one_word() {
        use Verdict::{Error, Fail, Pass, Unknown, Vacuous};
        let words = [Pass, Vacuous, Unknown, Fail, Error].map(|verdict| verdict.to_string());
        assert_eq!(words, ["pass", "vacuous", "unknown", "fail", "error"]);
    }
}
