//! The control in front of a suite: the target without a fault. What fails there is an error of the file or of the lab.

use std::collections::BTreeMap;

use crate::{
    ask::{
        scenario::{Expect, Own, Scenario, System, Workload},
        target::Target,
    },
    history,
    judge::{claims, summary::RunSummary, verdict::Verdict},
};

/// What a control is called.
pub const NAME: &str = "control/nothing_breaks";

/// A little of everything that a file says, and nothing broken.
pub fn scenario(target: &Target) -> Scenario {
    let budget = target.pace.recovers_within.get();
    Scenario {
        story: "Nothing breaks: what the file says of its target is tried.".to_owned(),
        system: System {
            consumers: u32::from(target.has(crate::ask::target::process::Plays::Consumer)),
            ..System::default()
        },
        workload: Workload {
            keys: 4,
            writes: "12/s for 2s".to_owned(),
            hot_percent: 0,
            copies: 1,
            again: 0,
        },
        own: Own::default(),
        faults: Vec::new(),
        bites: BTreeMap::new(),
        expect: Expect {
            recovered_within: humantime::format_duration(budget).to_string(),
            facts: BTreeMap::new(),
        },
        plan: None,
    }
}

/// Why nothing should be judged by this file; nothing if its control is as it should be. That a control finds a mistake of
/// the target's is no reason: stories will find it, too.
pub fn refused(control: &RunSummary) -> Vec<String> {
    if control.verdict == Verdict::Error {
        return vec![control.reason.clone()];
    }
    match history::read(&control.folder.join("history.jsonl")) {
        Ok(history) => claims::broken(&history),
        Err(error) => vec![error.to_string()],
    }
}
