//! How one process of the target's is started: its program, what it is told, its files, its log.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow};

use super::{
    place::Place,
    program::{self, Program},
    running::Running,
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
    servers::docker::{Contained, Contents},
};

/// A process to be started, as often as wanted.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    name: String,
    what: What,
    env: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    dir: PathBuf,
    kept: bool,
    environment: PathBuf,
    log: PathBuf,
}

/// What is started.
#[derive(Debug, Clone)]
enum What {
    Program(Program, Vec<String>),
    Image(String),
}

impl Launch {
    /// `command` with all that `process` is told, as the process `name`.
    pub fn of<P: text::Place>(
        command: &Command<P>,
        process: &Process,
        staging: &Staging<'_>,
        values: &Values,
        name: (&str, &Place),
    ) -> Result<Self> {
        let mut words = command.render(values).map_err(unset)?;
        let env = environment(process, staging, values)?;
        let path = match env.get("PATH") {
            Some(path) => Some(OsString::from(path)),
            None => std::env::var_os("PATH"),
        };
        let folder = staging.target.folder.as_deref();
        let program = program::found(&words.remove(0), folder, path.as_deref())?;
        Self::with_all_told(What::Program(program, words), env, process, values, name)
    }

    /// A container of an image, with all that `process` is told.
    pub fn of_image(
        image: &str,
        process: &Process,
        staging: &Staging<'_>,
        values: &Values,
        name: (&str, &Place),
    ) -> Result<Self> {
        let env = environment(process, staging, values)?;
        Self::with_all_told(What::Image(image.to_owned()), env, process, values, name)
    }

    fn with_all_told(
        what: What,
        env: BTreeMap<String, String>,
        process: &Process,
        values: &Values,
        (name, place): (&str, &Place),
    ) -> Result<Self> {
        let files = process.files.iter().map(|(file, text)| {
            let text = text.render(values).map_err(unset)?;
            Ok((file.as_str().to_owned(), text))
        });
        Ok(Self {
            what,
            env,
            files: files.collect::<Result<_>>()?,
            dir: place.dir_of(name),
            kept: process.dir == Folder::Keep,
            environment: place.environment.clone(),
            log: place.log_of(name),
            name: name.to_owned(),
        })
    }

    /// The same program with other arguments.
    pub fn with(&self, args: &[&str]) -> Self {
        let mut other = self.clone();
        if let What::Program(_, own) = &mut other.what {
            *own = args.iter().map(|arg| (*arg).to_owned()).collect();
        }
        other
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it, in a folder that is made anew unless it is kept; its log is continued.
    pub async fn spawn(&self) -> Result<Running> {
        self.prepare()
            .with_context(|| format!("making {}'s folder {}", self.name, self.dir.display()))?;
        match &self.what {
            What::Program(program, args) => {
                let process = self.child(program, args)?;
                Ok(Running::Program(Arc::new(process)))
            }
            What::Image(image) => {
                let contents = Contents {
                    name: &self.name,
                    image,
                    env: &self.env,
                    dir: &self.dir,
                    log: &self.log,
                    environment: &self.environment,
                };
                let container = Contained::start(&contents).await?;
                Ok(Running::Image(Arc::new(container)))
            }
        }
    }

    fn child(&self, program: &Program, args: &[String]) -> Result<process::Process> {
        let env = self
            .env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let first = program.first.into_iter();
        let started = process::Launch::new(&self.name, &program.file, &self.environment)
            .folder(&self.dir)
            .args(first.chain(args.iter().map(String::as_str)))
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
