//! What a run is shrunk to, and the file that is kept of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::signature::Seen;
use crate::{ask::scenario::Scenario, judge::summary::RunSummary, run::script};

/// What a run is shrunk to.
#[derive(Debug, Clone, Serialize)]
pub struct Shrunk {
    /// The least that is red; the original, if that is red too seldom.
    pub scenario: Scenario,
    /// The checkers by which.
    pub checkers: Vec<String>,
    /// How often the original is red.
    pub original: Seen,
    /// How often the least is; never tried where the original is red too seldom.
    pub least: Seen,
    /// Faults before and after.
    pub faults: [usize; 2],
    /// Operations before and after.
    pub operations: [usize; 2],
    /// Candidates and repetitions that were run.
    pub runs: usize,
    /// All of it.
    pub took_ms: u64,
    /// Everything was tried that might be left out, and nothing had to be put back after that.
    pub whole: bool,
    /// The last operation is one more than it takes, for an order to be seen.
    pub added: bool,
    /// It was asked to end before it was done.
    pub interrupted: bool,
    /// The last run that was red.
    #[serde(skip)]
    pub evidence: Option<RunSummary>,
}

impl Shrunk {
    /// Why it is nothing to keep, if it is not.
    pub fn unkept(&self) -> Option<String> {
        let (original, least) = (self.original, self.least);
        match () {
            () if self.interrupted && !least.is_known() => Some(
                "not shrunk: it was interrupted before what was left had been run again".to_owned(),
            ),
            () if !least.is_known() => Some(format!(
                "flaky, not shrunk: red by the same checkers in {original} more runs"
            )),
            () if least.times == 0 => Some(format!(
                "not shrunk: of the last {} runs none was red",
                least.of
            )),
            () => None,
        }
    }

    /// A name for its file, by which checkers find it and what breaks.
    pub fn name(&self) -> String {
        use sha2::{Digest, Sha256};
        let plain = |sign: char| {
            if sign.is_ascii_alphanumeric() {
                sign
            } else {
                '_'
            }
        };
        let broken = self.scenario.faults.first().map(|fault| {
            let whom = fault
                .edge
                .as_deref()
                .or(fault.process.as_deref())
                .unwrap_or_default();
            format!("{} {}", whom.replace("->", "to"), fault.action)
        });
        let broken = broken.unwrap_or_else(|| "nothing breaks".to_owned());
        let checker = self.checkers.first().map_or("red", String::as_str);
        let words: String = format!("{checker} {broken}").chars().map(plain).collect();
        let words = words.split('_').filter(|word| !word.is_empty());
        let words = words.collect::<Vec<_>>().join("_").to_lowercase();
        let digest = Sha256::digest(serde_json::to_string(&self.scenario).unwrap_or_default());
        let digest: String = digest
            .iter()
            .take(3)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{words}_{digest}")
    }

    /// Writes the scenario and its plan into a folder, where they are run like any that were written by hand. `again` says how,
    /// for the file's path.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn save(&self, folder: &Path, again: impl Fn(&Path) -> String) -> Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let file = folder.join(self.name()).with_extension("toml");
        let mut above = vec![format!("Found by the lab: {}.", self.told())];
        above.extend(self.shown().iter().map(|line| (*line).to_owned()));
        above.push(again(&file));
        script::write(&file, &self.scenario, &above)?;
        Ok(file)
    }

    /// What is known of anything smaller.
    fn shown(&self) -> Vec<&'static str> {
        let less = match self.whole {
            true => "Shrunk: whatever less was tried was green, or red too seldom.",
            false => "Shrunk, and not everything was tried: less may be red as well.",
        };
        let more = "Its last operation was added: a run that shows no order cannot be green.";
        [less]
            .into_iter()
            .chain(self.added.then_some(more))
            .collect()
    }

    /// By whom it is red, and how often.
    pub fn told(&self) -> String {
        format!("{} red, {} times", self.checkers.join(", "), self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::Story;

    fn shrunk(least: Seen) -> Shrunk {
        let history = Story::clean().history();
        Shrunk {
            scenario: history.scenario().cloned().expect("a scenario"),
            checkers: vec!["loss".to_owned()],
            original: Seen { times: 1, of: 10 },
            least,
            faults: [1, 1],
            operations: [3, 1],
            runs: 10,
            took_ms: 1,
            whole: true,
            added: false,
            interrupted: false,
            evidence: None,
        }
    }

    #[test]
    fn why_nothing_is_kept_is_said_by_how_often_it_was_red() {
        let why = |times, of| shrunk(Seen { times, of }).unkept().unwrap_or_default();
        assert!(why(0, 0).contains("flaky") && why(0, 0).contains("1 of 10"));
        assert!(why(0, 5).contains("of the last 5 runs none"));
        assert_eq!(why(4, 5), "");
        let interrupted = |least| Shrunk {
            interrupted: true,
            ..shrunk(least)
        };
        let said = interrupted(Seen::default()).unkept().unwrap_or_default();
        assert!(said.contains("interrupted"), "{said}");
        assert_eq!(interrupted(Seen { times: 4, of: 5 }).unkept(), None);
    }

    #[test]
    fn a_file_says_no_more_of_what_is_smaller_than_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |shrunk: &Shrunk| {
            let file = shrunk.save(folder.path(), |_| "lab run it".to_owned());
            std::fs::read_to_string(file.expect("a file")).expect("text")
        };
        let mut least = shrunk(Seen { times: 5, of: 5 });
        assert!(text(&least).contains("# Shrunk: whatever less was tried was green"));
        least.added = true;
        assert!(text(&least).contains("# Its last operation was added"));
        least.whole = false;
        let told = text(&least);
        assert!(
            told.contains("# Shrunk, and not everything was tried"),
            "{told}"
        );
        assert!(told.contains("# lab run it"));
    }
}
