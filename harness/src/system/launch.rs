//! How one process of the target's is started: its program, what it is told, its files, its log.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};

use super::{
    place::Place,
    program::{self, Program},
    staging::Staging,
};
use crate::{
    ask::target::{
        command::Command,
        placeholder::{Placeholder, Values},
        process::{Edge, Folder, Process},
        text::{self, Text, Unset},
    },
    os::process,
};

/// A process to be started, as often as wanted.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    name: String,
    program: Program,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    dir: PathBuf,
    kept: bool,
    environment: PathBuf,
    log: PathBuf,
}

impl Launch {
    /// `command` with all that `process` is told, as the process `name`.
    pub fn of<P: text::Place>(
        command: &Command<P>,
        process: &Process,
        staging: &Staging<'_>,
        values: &Values,
        (name, place): (&str, &Place),
    ) -> Result<Self> {
        let mut words = command.render(values).map_err(unset)?;
        let env = environment(process, staging, values)?;
        let path = match env.get("PATH") {
            Some(path) => Some(OsString::from(path)),
            None => std::env::var_os("PATH"),
        };
        let folder = staging.target.folder.as_deref();
        let program = program::found(&words.remove(0), folder, path.as_deref())?;
        let files = process.files.iter().map(|(file, text)| {
            let text = text.render(values).map_err(unset)?;
            Ok((file.as_str().to_owned(), text))
        });
        Ok(Self {
            program,
            args: words,
            env,
            files: files.collect::<Result<_>>()?,
            dir: place.dir_of(name),
            kept: process.dir == Folder::Keep,
            environment: place.environment.clone(),
            log: place.log_of(name),
            name: name.to_owned(),
        })
    }

    /// The same with other arguments.
    pub fn with(&self, args: &[&str]) -> Self {
        Self {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..self.clone()
        }
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it, in a folder that is made anew unless it is kept; its log is continued.
    pub fn spawn(&self) -> Result<process::Process> {
        self.prepare()
            .with_context(|| format!("making {}'s folder {}", self.name, self.dir.display()))?;
        let env = self
            .env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let first = self.program.first.into_iter();
        let started = process::Launch::new(&self.name, &self.program.file, &self.environment)
            .folder(&self.dir)
            .args(first.chain(self.args.iter().map(String::as_str)))
            .without(outbox_service::settings())
            .envs(env)
            .log(self.log.clone())
            .spawn()?;
        Ok(started)
    }

    fn prepare(&self) -> io::Result<()> {
        if !self.kept && self.dir.exists() {
            fs::remove_dir_all(&self.dir)?;
        }
        fs::create_dir_all(&self.dir)?;
        for (file, text) in &self.files {
            let file = self.dir.join(file);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(file, text)?;
        }
        Ok(())
    }
}

/// What a process finds in its environment: what the file says, the laboratory's settings laid over it unless the run is as
/// shipped, and the story's over those. No setting leads around an edge.
fn environment(
    process: &Process,
    staging: &Staging<'_>,
    values: &Values,
) -> Result<BTreeMap<String, String>> {
    let mut env = BTreeMap::new();
    for (name, text) in process.env.iter().chain(staging.laboratory()) {
        let value = text.render(values).map_err(unset)?;
        env.insert(name.as_str().to_owned(), value);
    }
    let leads_somewhere = |name: &str| {
        let said = process.env.iter().find(|(said, _)| said.as_str() == name);
        said.is_some_and(|(_, text)| text.placeholders().any(Edge::is_of))
    };
    for (name, value) in &staging.story.settings {
        if !leads_somewhere(name) {
            env.insert(name.clone(), value.clone());
        }
    }
    Ok(env)
}

/// All that the lab's own environment and the target's place say of what is left open.
pub(super) fn surroundings<'p>(
    open: impl Iterator<Item = &'p Placeholder>,
    folder: Option<&Path>,
    values: Values,
) -> Values {
    let values = match folder {
        Some(folder) => values.with(Placeholder::TargetDir, folder.display().to_string()),
        None => values,
    };
    open.fold(values, |values, open| match open {
        Placeholder::Env(name) => match std::env::var(name) {
            Ok(value) => values.with(open.clone(), value),
            Err(_) => values,
        },
        _ => values,
    })
}

/// Says what would make a placeholder stand for something.
pub(super) fn unset(unset: Unset) -> anyhow::Error {
    match &unset.0 {
        Placeholder::Env(name) => anyhow!("{unset}: set {name} where the lab is started"),
        Placeholder::TargetDir => {
            anyhow!("{unset}: the target is built in, and its file has no folder")
        }
        _ => anyhow!("{unset}"),
    }
}

/// A text with its placeholders' values.
pub(super) fn rendered<P: text::Place>(text: &Text<P>, values: &Values) -> Result<String> {
    text.render(values).map_err(unset)
}
