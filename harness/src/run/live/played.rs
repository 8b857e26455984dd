//! What was done by hand in a run: the faults as they were, and the operations as they were sent. It can be run again.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{
    ask::scenario::{Fault, Keys, Operation, Plan, Scenario},
    history::{Entry, Event},
    run::script,
};

/// What was done.
#[derive(Debug, Default)]
pub(in crate::run) struct Played {
    pub faults: Vec<Fault>,
    pub operations: Vec<Operation>,
    /// What the target knows of its keys.
    pub keys: Option<Keys>,
    /// How many requests were sent.
    pub sent: u64,
}

impl Played {
    /// The story, as far as it went.
    pub fn scenario(&self, base: &Scenario) -> Scenario {
        Scenario {
            faults: self.faults.clone(),
            ..base.clone()
        }
    }

    /// Writes it into a run's folder: into the history, whose beginning did not know of it, and as a scenario.
    pub fn tell(self, folder: &Path, base: &Scenario) -> Result<()> {
        let scenario = self.scenario(base);
        let history = folder.join("history.jsonl");
        retold(&history, &scenario, self.sent)
            .with_context(|| format!("writing {}", history.display()))?;
        let plan = Plan {
            operations: self.operations,
            own: self.keys,
        };
        script::leave(folder, &scenario, plan)
    }
}

fn retold(history: &Path, scenario: &Scenario, sent: u64) -> Result<()> {
    let retold = history.with_extension("retold");
    let from = BufReader::new(File::open(history)?);
    let mut to = BufWriter::new(File::create_new(&retold)?);
    copy(from, &mut to, scenario, sent)?;
    to.into_inner()?.sync_all()?;
    Ok(fs::rename(&retold, history)?)
}

fn copy(mut from: impl BufRead, mut to: impl Write, scenario: &Scenario, sent: u64) -> Result<()> {
    let mut planned = false;
    let mut line = Vec::new();
    while !planned && from.read_until(b'\n', &mut line)? > 0 {
        let mut entry: Entry = serde_json::from_slice(&line)?;
        match &mut entry.event {
            Event::Begun { scenario: told, .. } => told.as_mut().clone_from(scenario),
            Event::Planned { requests } => {
                *requests = sent;
                planned = true;
            }
            _ => {}
        }
        serde_json::to_writer(&mut to, &entry)?;
        to.write_all(b"\n")?;
        line.clear();
    }
    std::io::copy(&mut from, &mut to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::parse,
        judge::{check, proof::story::Story, verdict::Verdict},
    };

    #[test]
    fn a_history_that_did_not_know_its_faults_is_told_again_with_them() {
        let mut story = Story::clean();
        story.scenario(|scenario| scenario.faults.clear());
        let history = story.history();
        let lines = history.entries().iter().map(|entry| {
            let mut entry = entry.clone();
            if let Event::Planned { requests } = &mut entry.event {
                *requests = 0;
            }
            serde_json::to_string(&entry).expect("an entry") + "\n"
        });
        let text: String = lines.collect();
        let whole = Story::clean().history();
        let requests = whole.events().find_map(|event| match event {
            Event::Planned { requests } => Some(*requests),
            _ => None,
        });
        let mut to = Vec::new();
        let scenario = whole.scenario().expect("a scenario");
        let sent = requests.expect("a plan");
        copy(text.as_bytes(), &mut to, scenario, sent).expect("told");
        let history = parse(Path::new("history"), &to).expect("a history");
        assert_eq!(history.scenario(), whole.scenario());
        assert_eq!(history.entries().len(), whole.entries().len());
        assert_eq!(check::all(&history).verdict, Verdict::Pass);
    }
}
