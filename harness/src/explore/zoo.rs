//! The zoo: an outbox with known mistakes, each of which the lab must find. It shows that the judge can fail, story by story.

pub mod outcome;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{
    fit::{Fit, fit},
    suite::{self, Case},
};
use crate::{
    ask::{
        scenario::Scenario,
        target::Target,
        trial::Trial,
        zoo::{House, Manifest},
    },
    judge::check,
};

/// The setting that plants a mistake.
const BUG: &str = "ZOO_BUG";

/// The outbox, its mistakes and the stories in which they show.
pub struct Zoo {
    /// What is to be shown.
    pub manifest: Manifest,
    target: toml::Table,
    stories: BTreeMap<String, Story>,
}

/// A story, and whether it was written for the zoo alone.
struct Story {
    scenario: Scenario,
    own: bool,
}

/// Where the zoo is: in the checkout that the lab stands in, else in that which it was built from.
pub fn folder() -> PathBuf {
    let here = PathBuf::from("harness/zoo");
    match here.is_dir() {
        true => here,
        false => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/zoo")),
    }
}

impl Zoo {
    /// Reads everything, and refuses what could not be shown.
    ///
    /// # Errors
    /// A file that cannot be read, or names what is not there.
    pub fn open(folder: &Path, scenarios: &Path) -> Result<Self> {
        let text = |name: &str| {
            let file = folder.join(name);
            std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
        };
        let checkers: Vec<&str> = check::names().collect();
        let manifest = Manifest::read(&text("bugs.toml")?, &checkers)
            .map_err(|problem| anyhow!("in {}: {problem}", folder.join("bugs.toml").display()))?;
        let told = |own: bool| move |Case { name, scenario }: Case| (name, Story { scenario, own });
        let stories = suite::cases(scenarios)?.into_iter().map(told(false));
        let own = suite::cases(folder)?.into_iter().map(told(true));
        let zoo = Self {
            manifest,
            target: toml::from_str(&text("target.toml")?).context("reading the zoo's target")?,
            stories: stories.chain(own).collect(),
        };
        for cage in &zoo.manifest.cages {
            for story in cage.stories.iter().chain(&cage.neighbour) {
                zoo.trial(story, &cage.house(), None, 0)
                    .with_context(|| format!("the cage of {}", cage.bug))?;
            }
        }
        Ok(zoo)
    }

    /// Every story that the outbox can be put through, and why not the others.
    ///
    /// # Errors
    /// When the target's file cannot be read.
    pub fn fitting(&self) -> Result<Vec<(&str, Option<String>)>> {
        let target = self.target(&House::default(), None)?;
        let told = self.stories.iter().filter(|(_, story)| !story.own);
        told.map(|(name, story)| {
            let why = match fit(&story.scenario, &target)? {
                Fit::Run { .. } => None,
                Fit::Not(why) => Some(why),
            };
            Ok((name.as_str(), why))
        })
        .collect()
    }

    /// A run of a story, with a mistake or healthy. What was written for the zoo is run as it is.
    ///
    /// # Errors
    /// When there is no such story, or the outbox cannot be put through it.
    pub fn trial(&self, story: &str, house: &House, bug: Option<&str>, seed: u64) -> Result<Trial> {
        let told = self.stories.get(story);
        let told = told.ok_or_else(|| anyhow!("there is no story {story:?}"))?;
        let target = self.target(house, bug)?;
        let (scenario, left_out) = match told.own {
            true => (told.scenario.clone(), Vec::new()),
            false => match fit(&told.scenario, &target)? {
                Fit::Run { scenario, left_out } => (*scenario, left_out),
                Fit::Not(why) => bail!("{story} cannot be run: {why}"),
            },
        };
        let named = bug.map(|bug| format!(" {bug}")).unwrap_or_default();
        Ok(Trial {
            name: story.to_owned(),
            target: Arc::new(target),
            as_shipped: false,
            scenario,
            left_out,
            seed,
            repeat_command: format!("cargo lab selftest{named} --seed {seed}"),
        })
    }

    fn target(&self, house: &House, bug: Option<&str>) -> Result<Target> {
        let text = self.file(house, bug)?;
        let target = Target::read(&text).map_err(|bad| anyhow!("in the zoo's target, {bad}"))?;
        ensure!(!target.is_ours(), "the zoo's target has the lab's own name");
        Ok(target)
    }

    /// The outbox as a target file, in these surroundings, with a mistake or healthy.
    ///
    /// # Errors
    /// When there are no such surroundings.
    pub fn file(&self, house: &House, bug: Option<&str>) -> Result<String> {
        let mut table = self.target.clone();
        if let Some(name) = &house.database {
            let more = self.manifest.databases.get(name);
            let more = more.ok_or_else(|| anyhow!("there is no database {name:?}"))?;
            let setup = table.get_mut("setup").and_then(toml::Value::as_table_mut);
            let sql = setup.and_then(|setup| setup.get_mut("sql"));
            let Some(toml::Value::String(sql)) = sql else {
                bail!("the zoo's target has no [setup] sql");
            };
            sql.push_str(more);
        }
        let planted = bug.map(|bug| (BUG.to_owned(), bug.to_owned()));
        let settings: Vec<_> = house.settings.clone().into_iter().chain(planted).collect();
        let processes = table.get_mut("process").and_then(toml::Value::as_array_mut);
        for process in processes.into_iter().flatten() {
            let Some(env) = process.get_mut("env").and_then(toml::Value::as_table_mut) else {
                bail!("a process of the zoo's target has no env");
            };
            let told = settings.iter().cloned();
            env.extend(told.map(|(name, value)| (name, toml::Value::String(value))));
        }
        toml::to_string(&table).context("writing the zoo's target")
    }
}

#[cfg(test)]
mod tests;
