//! The zoo's manifest: which stories show each mistake of the zoo's outbox, and which checkers must find it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Every mistake.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Statements that are carried out behind the target's own, by name.
    #[serde(default)]
    pub databases: BTreeMap<String, String>,
    /// The mistakes, in the order in which they are shown.
    #[serde(rename = "cage")]
    pub cages: Vec<Cage>,
}

/// A mistake, and what it takes to see it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cage {
    /// What the program calls it.
    pub bug: String,
    /// Stories, the first of which that shows it is enough.
    pub stories: Vec<String>,
    /// Checkers: at least one of them finds it.
    pub red: Vec<String>,
    /// Those that may turn red with them, and find it for nobody. No other does.
    #[serde(default)]
    pub also: Vec<String>,
    /// One of the manifest's databases.
    database: Option<String>,
    /// Settings of the outbox's processes.
    #[serde(default)]
    settings: BTreeMap<String, String>,
    /// A story that stays green although the mistake is there.
    pub neighbour: Option<String>,
}

/// In what surroundings an outbox runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct House {
    /// One of the manifest's databases.
    pub database: Option<String>,
    /// Settings of its processes.
    pub settings: BTreeMap<String, String>,
}

impl Cage {
    /// Where the mistake lives; the healthy outbox lives there, too, and passes.
    pub fn house(&self) -> House {
        House {
            database: self.database.clone(),
            settings: self.settings.clone(),
        }
    }
}

impl Manifest {
    /// Reads a manifest, and refuses what names something that is not there. `checkers` are those that there are.
    ///
    /// # Errors
    /// What was found, and what was expected.
    pub fn read(text: &str, checkers: &[&str]) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut seen = BTreeSet::new();
        for cage in &manifest.cages {
            let bug = &cage.bug;
            if !seen.insert(bug) {
                return Err(format!("{bug} has two cages; write one"));
            }
            if cage.stories.is_empty() || cage.red.is_empty() {
                return Err(format!("{bug} needs a story and a checker at least"));
            }
            for checker in cage.red.iter().chain(&cage.also) {
                if !checkers.contains(&checker.as_str()) {
                    let known = checkers.join(", ");
                    return Err(format!("{bug}: no checker {checker:?}; there are {known}"));
                }
            }
            if let Some(database) = &cage.database
                && !manifest.databases.contains_key(database)
            {
                return Err(format!("{bug}: no database {database:?} in [databases]"));
            }
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "[databases]\nfull = 'SELECT 1'\n[[cage]]\nbug = 'auto-ack'\nstories = ['a/b']\nred = ['dedup']\ndatabase = 'full'\nsettings = { A = '1' }\n";

    fn refused(from: &str, to: &str) -> String {
        Manifest::read(&SOUND.replace(from, to), &["dedup", "loss"]).expect_err(to)
    }

    #[test]
    fn a_cage_says_what_its_bug_needs_and_who_must_find_it() {
        let manifest = Manifest::read(SOUND, &["dedup"]).expect("a manifest");
        let cage = &manifest.cages[0];
        assert_eq!((cage.bug.as_str(), cage.red.len()), ("auto-ack", 1));
        assert_eq!(cage.settings["A"], "1");
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        assert!(
            refused("'dedup'", "'dedupe'").contains("no checker \"dedupe\"; there are dedup, loss")
        );
        assert!(refused("'full'\nsettings", "'empty'\nsettings").contains("no database \"empty\""));
        assert!(refused("['a/b']", "[]").contains("auto-ack needs a story"));
        assert!(
            refused(
                "[[cage]]\n",
                "[[cage]]\nbug = 'auto-ack'\nstories = ['a/b']\nred = ['loss']\n[[cage]]\n"
            )
            .contains("two cages")
        );
    }

    #[test]
    fn a_word_that_nobody_knows_is_refused() {
        assert!(refused("stories", "storys").contains("storys"));
    }
}
