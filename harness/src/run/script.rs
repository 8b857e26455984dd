//! A scenario and its plan as files, which are read and run like those that are written by hand.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::ask::scenario::{Plan, Scenario};

/// What the scenario of a run is called in its folder.
pub const FILE: &str = "scenario.toml";

/// Writes a scenario, and its plan beside it. What stands `above` goes before it, a comment a line.
///
/// # Errors
/// When a file cannot be written.
pub fn write(file: &Path, scenario: &Scenario, above: &[String]) -> Result<()> {
    let mut alone = scenario.clone();
    let plan = alone.plan.take();
    let comments = above
        .iter()
        .map(|line| format!("# {line}").trim_end().to_owned() + "\n");
    let text = comments.collect::<String>() + &toml::to_string(&alone)?;
    let written = |file: &Path, text: String| {
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    };
    if let Some(plan) = plan {
        written(&Plan::beside(file), plan.text()?)?;
    }
    written(file, text)
}

/// Leaves in a run's folder what it asked for: the operations one by one, whatever had drawn them.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn leave(folder: &Path, scenario: &Scenario, plan: Plan) -> Result<()> {
    let file = folder.join(FILE);
    // Without an operation there is no plan, and such a run shows nothing.
    match plan.operations.is_empty() {
        true => write(&file, scenario, &[]),
        false => write(&file, &scenario.planned(plan), &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::scenario::Operation;

    #[test]
    fn what_a_run_leaves_reads_back_as_what_it_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "story = 'told'\n[workload]\nkeys = 3\nwrites = '9/s for 1s'\n";
        let drawn: Scenario = toml::from_str(text).expect("a scenario");
        let plan = Plan {
            operations: vec![Operation::at(0, 2, 1), Operation::at(500, 0, 1)],
            own: None,
        };
        leave(folder.path(), &drawn, plan.clone()).expect("left");
        let file = folder.path().join(FILE);
        let text = fs::read_to_string(&file).expect("a file");
        let read: Scenario = toml::from_str(&text).expect("a scenario");
        assert_eq!(read.workload.writes, "2 planned");
        let text = fs::read_to_string(Plan::beside(&file)).expect("a file");
        assert_eq!(Plan::read(&text).expect("a plan"), plan);
    }
}
