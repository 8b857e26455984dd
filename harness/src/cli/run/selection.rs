//! Which scenarios are run: files by name, by folder or by path, and the properties, which a seed draws.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{
    ask::fault::Fault,
    ask::scenario::Scenario,
    ask::spelling::did_you_mean,
    ask::target::Target,
    explore::fit::{Fit, breaks_no_way, fit},
    explore::property,
    explore::suite::{self, Case},
    report::NotRun,
    servers::backend::Wanted,
};

/// What is to be run, and what cannot be run here and why.
#[derive(Debug, Default)]
pub(super) struct Selection {
    cases: Vec<Asked>,
    properties: Vec<&'static str>,
    /// Names with reasons.
    pub not_run: Vec<NotRun>,
}

/// On what it is run.
pub(super) struct On<'a> {
    pub servers: &'a Wanted,
    pub target: &'a Target,
}

/// A scenario file and how it was asked for: what repeats it is its name, or its path where a path was given.
#[derive(Debug)]
struct Asked {
    by: String,
    case: Case,
    /// What of it the target does not have.
    left_out: Vec<String>,
}

/// One run to be made.
#[derive(Debug)]
pub(super) struct Chosen {
    pub asked_by: String,
    pub name: String,
    pub scenario: Scenario,
    pub left_out: Vec<String>,
    pub seed: u64,
}

impl Selection {
    /// All that `names` mean, everything if there are none, each once; `folder` is where names are looked up.
    pub fn of(names: &[String], folder: &Path, on: &On<'_>) -> Result<Self> {
        let mut selection = Self::default();
        if names.is_empty() {
            selection.named("", folder, on)?;
        }
        for name in names {
            if Path::new(name).is_file() {
                let case = suite::case(Path::new(name))?;
                selection.add(name.clone(), case, on)?;
            } else if !selection.named(name.trim_end_matches('/'), folder, on)? {
                let names = suite::cases(folder)?.into_iter().map(|case| case.name);
                let mut known: Vec<String> = names.collect();
                let folders = known.iter().filter_map(|name| name.split_once('/'));
                let folders: Vec<String> = folders.map(|(folder, _)| folder.to_owned()).collect();
                known.extend(folders);
                known.extend(property::NAMES.map(str::to_owned));
                let meant = did_you_mean(name, known.iter().map(String::as_str));
                bail!(
                    "no scenario, folder or file {name:?}{meant}; `lab list` shows what there is"
                );
            }
        }
        Ok(selection)
    }

    /// Adds what a name or a folder's name means; whether it meant anything.
    fn named(&mut self, wanted: &str, folder: &Path, on: &On<'_>) -> Result<bool> {
        let meant = |name: &str| {
            let rest = name.strip_prefix(wanted);
            wanted.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut found = false;
        for property in property::NAMES.into_iter().filter(|name| meant(name)) {
            found = true;
            if !on.target.is_ours() {
                self.not(property, "it is drawn for the lab's own target");
            } else if !self.properties.contains(&property) {
                self.properties.push(property);
            }
        }
        for case in suite::cases(folder)?
            .into_iter()
            .filter(|case| meant(&case.name))
        {
            found = true;
            self.add(case.name.clone(), case, on)?;
        }
        Ok(found)
    }

    fn add(&mut self, by: String, mut case: Case, on: &On<'_>) -> Result<()> {
        if let Some(known) = self.cases.iter().find(|known| known.case.name == case.name) {
            if known.case.scenario != case.scenario {
                bail!(
                    "{} and {by} are two scenarios of one name, {}; rename one",
                    known.by,
                    case.name
                );
            }
            return Ok(());
        }
        let faults = Fault::all(&case.scenario)?;
        let cannot = on.servers.cannot(&faults);
        if let Some(why) = cannot.or_else(|| breaks_no_way(&faults, on.target)) {
            self.not(&case.name, &why);
            return Ok(());
        }
        let mut left_out = Vec::new();
        if !on.target.is_ours() {
            match fit(&case.scenario, on.target)? {
                Fit::Not(why) => {
                    self.not(&case.name, &why);
                    return Ok(());
                }
                Fit::Run {
                    scenario,
                    left_out: without,
                } => (case.scenario, left_out) = (*scenario, without),
            }
        }
        self.cases.push(Asked { by, case, left_out });
        Ok(())
    }

    /// Whoever is asked for by name and in a folder, too, is told once.
    fn not(&mut self, name: &str, why: &str) {
        if self.not_run.iter().all(|not| not.name != name) {
            let (name, why) = (name.to_owned(), why.to_owned());
            self.not_run.push(NotRun { name, why });
        }
    }

    /// The runs, `rounds` of each, every round with the next seed.
    pub fn runs(&self, seed: u64, rounds: u64) -> Vec<Chosen> {
        (0..rounds)
            .flat_map(|round| self.round(seed.wrapping_add(round)))
            .collect()
    }

    fn round(&self, seed: u64) -> impl Iterator<Item = Chosen> {
        let files = self
            .cases
            .iter()
            .map(move |Asked { by, case, left_out }| Chosen {
                asked_by: by.clone(),
                name: case.name.clone(),
                scenario: case.scenario.clone(),
                left_out: left_out.clone(),
                seed,
            });
        let drawn = property::scenarios(seed).into_iter();
        let drawn = drawn.filter(|(name, _)| self.properties.contains(&name.as_str()));
        files.chain(drawn.map(move |(name, scenario)| Chosen {
            asked_by: name.clone(),
            name,
            scenario,
            left_out: Vec::new(),
            seed,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(asked: &[String], folder: &Path, servers: &Wanted) -> Result<Selection> {
        let target = Target::ours();
        let on = On {
            servers,
            target: &target,
        };
        Selection::of(asked, folder, &on)
    }

    const TOLD: &str = "story = 'told'\n[workload]\nkeys = 1\nwrites = '1 at once'\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, extra) in [
            ("a/one", ""),
            ("a/two", ""),
            (
                "ab/three",
                "[[fault]]\nprocess = 'postgres'\ndo = 'kill'\nat = '0s'\n",
            ),
        ] {
            let file = folder.path().join(name).with_extension("toml");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, format!("{TOLD}{extra}")).unwrap();
        }
        folder
    }

    fn names(asked: &[&str], servers: &Wanted) -> Result<Vec<String>> {
        let folder = folder();
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        let selection = selected(&asked, folder.path(), servers)?;
        let runs = selection.runs(7, 1).into_iter();
        Ok(runs.map(|run| run.name).collect())
    }

    #[test]
    fn without_a_name_everything_is_run_and_the_properties_too() {
        let all = names(&[], &Wanted::native()).unwrap();
        assert_eq!(all[..3], ["a/one", "a/two", "ab/three"]);
        assert_eq!(all[3..], property::NAMES);
    }

    #[test]
    fn a_folder_means_its_own_scenarios_and_nothing_is_run_twice() {
        let native = Wanted::native();
        assert_eq!(
            names(&["a/", "a/two"], &native).unwrap(),
            ["a/one", "a/two"]
        );
        assert_eq!(names(&["property"], &native).unwrap(), property::NAMES);
        assert_eq!(
            names(&["property/any_bids"], &native).unwrap(),
            ["property/any_bids"]
        );
        let said = names(&["a/tw"], &native).unwrap_err().to_string();
        assert!(
            said.starts_with("no scenario, folder or file \"a/tw\""),
            "{said}"
        );
    }

    #[test]
    fn every_round_has_the_next_seed_and_draws_its_own_properties() {
        let folder = folder();
        let asked = ["property/any_bids_and_one_cut".to_owned()];
        let selection = selected(&asked, folder.path(), &Wanted::native()).unwrap();
        let runs = selection.runs(7, 2);
        assert_eq!((runs[0].seed, runs[1].seed), (7, 8));
        assert_ne!(runs[0].scenario, runs[1].scenario);
        assert_eq!(runs[1].scenario, selection.runs(8, 1)[0].scenario);
    }

    #[test]
    fn a_file_is_repeated_by_its_path() {
        let folder = folder();
        let file = folder.path().join("a/one.toml").display().to_string();
        let selection = selected(
            std::slice::from_ref(&file),
            folder.path(),
            &Wanted::native(),
        )
        .unwrap();
        let run = &selection.runs(7, 1)[0];
        assert_eq!((run.name.as_str(), &run.asked_by), ("a/one", &file));
    }

    #[test]
    fn what_cannot_be_run_here_is_named_with_its_reason() {
        let folder = folder();
        let external = Wanted {
            backend: crate::servers::backend::Kind::External,
            ..Wanted::default()
        };
        let selection = selected(&["ab".to_owned()], folder.path(), &external).unwrap();
        assert!(selection.runs(7, 1).is_empty());
        assert_eq!(selection.not_run[0].name, "ab/three");
    }

    #[test]
    fn a_target_that_is_not_ours_is_put_through_what_fits_it_and_the_rest_says_why() {
        let folder = folder();
        let text = include_str!("../../../targets/examples/status_column.toml");
        let target = Target::read(text).unwrap();
        let on = On {
            servers: &Wanted::native(),
            target: &target,
        };
        let selection = Selection::of(&[], folder.path(), &on).unwrap();
        let runs = selection.runs(7, 1);
        let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["ab/three"]);
        let NotRun { name, why } = &selection.not_run[0];
        assert!(
            name.starts_with("property/") && why.contains("own target"),
            "{name}: {why}"
        );
    }
}
