//! A plan: each operation of a workload, written down. It stands in a file of its own beside the scenario's, one operation a
//! line, and says what a seed had drawn.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Keys;
use crate::ask::id::NUMBERS;

/// The operations of a workload, in the order of their times.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Each of them.
    pub operations: Vec<Operation>,
    /// Keys of which only the lab's own target knows more than a number.
    #[serde(default, rename = "keys", skip_serializing_if = "Option::is_none")]
    pub own: Option<Keys>,
}

/// One operation, asked for at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Milliseconds from the start of the workload.
    pub at_ms: u64,
    /// What it belongs to.
    pub key: u16,
    /// Which of its key's, from 1. One that is asked for again has the number that it had.
    pub number: u32,
    /// How often it is asked for, at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub copies: u32,
    /// Whoever writes it rolls its transaction back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back: bool,
    /// What else it says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub content: BTreeMap<String, Value>,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_one(copies: &u32) -> bool {
    *copies == 1
}

/// A plan that cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum BadPlan {
    /// It is no plan.
    #[error("{0}")]
    Unread(#[from] serde_json::Error),
    /// One of its operations cannot be.
    #[error("operation {number}: {problem}")]
    Operation {
        /// Which, from 1.
        number: usize,
        /// What was found, and what would be right.
        problem: String,
    },
    /// There is none.
    #[error("it has no operations; a workload has one at least")]
    Empty,
}

impl Plan {
    /// Where the plan of a scenario file stands.
    pub fn beside(scenario: &Path) -> PathBuf {
        scenario.with_extension("plan.json")
    }

    /// Reads a plan's text, and refuses what could not be asked for.
    ///
    /// # Errors
    /// What was found, and where.
    pub fn read(text: &str) -> Result<Self, BadPlan> {
        let plan: Self = serde_json::from_str(text)?;
        if plan.operations.is_empty() {
            return Err(BadPlan::Empty);
        }
        let mut before = 0;
        for (index, operation) in plan.operations.iter().enumerate() {
            let problem = operation.problem(before, plan.own.as_ref());
            if let Some(problem) = problem {
                let number = index + 1;
                return Err(BadPlan::Operation { number, problem });
            }
            before = operation.at_ms;
        }
        Ok(plan)
    }

    /// As a file has it: one operation a line, so that what was taken out of it is a line that is gone.
    ///
    /// # Errors
    /// None that values of JSON have.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        let lines: Vec<String> = self
            .operations
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        let mut text = format!("{{\n\"operations\": [\n  {}\n]", lines.join(",\n  "));
        if let Some(own) = &self.own {
            text.push_str(&format!(",\n\"keys\": {}", serde_json::to_string(own)?));
        }
        text.push_str("\n}\n");
        Ok(text)
    }

    /// From the start of the workload until nothing more is sent.
    pub fn span(&self) -> Duration {
        let last = self.operations.iter().map(|operation| operation.at_ms);
        // What comes with the last operation comes before the end.
        Duration::from_millis(last.max().map_or(0, |last| last + 1))
    }

    /// The keys of its operations, each once.
    pub fn keys(&self) -> Vec<u16> {
        let mut keys: Vec<u16> = self.operations.iter().map(|one| one.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl Operation {
    /// One that says nothing else.
    pub fn at(at_ms: u64, key: u16, number: u32) -> Self {
        Self {
            at_ms,
            key,
            number,
            copies: 1,
            rolled_back: false,
            content: BTreeMap::new(),
        }
    }

    /// Why it cannot be asked for after what comes at `before` milliseconds.
    fn problem(&self, before: u64, own: Option<&Keys>) -> Option<String> {
        let known = |own: &Keys| own.closed == self.key || own.taking().any(|key| key == self.key);
        match () {
            () if self.at_ms < before => Some(format!(
                "at_ms = {} comes before the one before it, at {before}; operations stand in the order of their times",
                self.at_ms
            )),
            () if self.number == 0 || self.number >= NUMBERS => Some(format!(
                "number = {}; numbers go from 1 up to {}",
                self.number,
                NUMBERS - 1
            )),
            () if self.copies == 0 => Some("copies = 0 asks for nothing".to_owned()),
            () if !own.is_none_or(known) => {
                Some(format!("key = {} is none of the plan's keys", self.key))
            }
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
"operations": [
  {"at_ms":0,"key":3,"number":1},
  {"at_ms":20,"key":3,"number":2,"copies":2,"content":{"amount":7}},
  {"at_ms":20,"key":3,"number":1}
]
}
"#;

    fn refused(from: &str, to: &str) -> String {
        assert!(TEXT.contains(from), "{from}");
        let text = TEXT.replacen(from, to, 1);
        Plan::read(&text).expect_err(to).to_string()
    }

    #[test]
    fn a_plan_is_read_and_written_one_operation_a_line() {
        let plan = Plan::read(TEXT).expect("a plan");
        assert_eq!(plan.text().expect("text"), TEXT);
        assert_eq!(plan.span(), Duration::from_millis(21));
        assert_eq!(plan.keys(), [3]);
    }

    #[test]
    fn what_could_not_be_asked_for_is_refused_with_its_number() {
        let said = refused("\"at_ms\":0", "\"at_ms\":30");
        assert!(said.starts_with("operation 2: at_ms = 20"), "{said}");
        assert!(refused("\"number\":2", "\"number\":0").starts_with("operation 2: number = 0"));
        assert!(refused("\"copies\":2", "\"copies\":0").contains("asks for nothing"));
        let keys = "\n],\"keys\":{\"open\":[4],\"closed\":5}\n}";
        assert!(refused("\n]\n}", keys).starts_with("operation 1: key = 3"));
        assert!(Plan::read("{\"operations\":[]}").is_err());
        assert!(refused("number", "nmber").contains("nmber"));
    }

    #[test]
    fn it_stands_beside_its_scenario() {
        let beside = Plan::beside(Path::new("found/loss.toml"));
        assert_eq!(beside, Path::new("found/loss.plan.json"));
    }
}
