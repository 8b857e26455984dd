//! A target: any outbox, as data. How its processes are started and told where their servers are, how an operation is asked
//! for, where its messages are heard; and, as far as it is given, its tables, its effects, its promises and its pace. What is
//! not given is not judged, and said so ([`judged`]).

pub mod address;
pub mod built_in;
pub mod command;
pub mod completed;
pub mod effects;
pub mod exchange;
pub mod json;
pub mod judged;
pub mod laboratory;
pub mod look;
pub mod message;
mod mistake;
pub mod need;
pub mod outbox;
pub mod pattern;
pub mod placeholder;
pub mod process;
pub mod promise;
pub mod remarks;
pub mod request;
pub mod setup;
pub mod skeleton;
mod sound;
pub mod span;
pub mod sql;
pub mod status;
pub mod text;
pub mod timing;
pub mod witness;
pub mod write;

use std::path::PathBuf;

use serde::Deserialize;

use crate::ask::written::Written;
use effects::{Effects, EffectsTable};
use laboratory::{Faster, Laboratory};
use look::Look;
use message::Message;
pub use mistake::BadTarget;
use mistake::Mistake;
use need::Need;
use outbox::{Outbox, OutboxTable};
use process::{Named, Process, ProcessTable, Variable};
use promise::Promise;
use setup::Setup;
use timing::Timing;
use witness::{Witness, Witnesses};
use write::{Write, WriteTable};

/// What is judged, and how it is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What it is called in reports.
    pub name: String,
    /// Which version of it is described, for reports.
    pub version: Option<String>,
    /// What it is, in a sentence or two.
    pub about: Option<String>,
    /// What the servers must have.
    pub needs: Vec<Need>,
    /// What it says of itself.
    pub promise: Promise,
    /// How fast it is.
    pub pace: Timing,
    /// What is done before its processes are started.
    pub setup: Setup,
    /// How an operation is asked for.
    pub write: Write,
    /// Where it can be seen whether an operation was done.
    pub look: Look,
    /// Where its events wait.
    pub outbox: Option<Outbox>,
    /// Where its messages are heard.
    pub witnesses: Vec<Witness>,
    /// Where in a message it stands what the message is about.
    pub message: Message,
    /// Where its effects are seen.
    pub effects: Option<Effects>,
    /// What is started.
    pub processes: Vec<Process>,
    /// Settings that shorten what would take long, laid over each process's environment unless a run is as shipped.
    pub laboratory: Named<Variable>,
    /// How fast it is with these settings.
    pub laboratory_pace: Faster,
    /// Where its file is, which programs and `{{target.dir}}` are named from; none of a text that is no file.
    pub folder: Option<PathBuf>,
}

/// As the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    version: Option<String>,
    about: Option<String>,
    #[serde(default)]
    needs: Vec<Need>,
    #[serde(default)]
    promise: Promise,
    #[serde(default)]
    pace: Timing,
    #[serde(default)]
    setup: Setup,
    write: Option<WriteTable>,
    #[serde(default)]
    look: Look,
    outbox: Option<OutboxTable>,
    witness: Option<Witnesses>,
    #[serde(default)]
    message: Message,
    effects: Option<EffectsTable>,
    process: Option<Vec<ProcessTable>>,
    #[serde(default)]
    laboratory: Laboratory,
}

impl Target {
    /// Reads a target file's text, and refuses what could not be run or would judge something else.
    pub fn read(text: &str) -> Result<Self, BadTarget> {
        let unread = |error: toml::de::Error| BadTarget::unread(text, &error);
        let written = Written::parse(text).map_err(unread)?;
        let located = |mistake: Mistake| BadTarget {
            line: written.line(&mistake.path),
            problem: mistake.problem,
        };
        if written
            .value("process")
            .is_some_and(|value| !value.is_array())
        {
            let problem =
                "found one [process]; each process is an item of a list, write [[process]]";
            return Err(located(Mistake::at("process", problem)));
        }
        let file: File = toml::from_str(text).map_err(unread)?;
        let mut target = file.understood().map_err(located)?;
        sound::check(&target).map_err(located)?;
        for (at, process) in (0..).zip(&mut target.processes) {
            let at: usize = at;
            process.line = written.line(&format!("process.{at}.run"));
        }
        target.setup.line = written.line("setup.run");
        Ok(target)
    }

    /// The same, as of a file in this folder.
    #[must_use]
    pub fn of_folder(self, folder: PathBuf) -> Self {
        Self {
            folder: Some(folder),
            ..self
        }
    }

    /// The same, at the pace of its laboratory's settings, unless it runs as shipped.
    #[must_use]
    pub fn at_its_pace(self, as_shipped: bool) -> Self {
        let pace = match as_shipped {
            true => self.pace,
            false => self.laboratory_pace.over(self.pace),
        };
        Self { pace, ..self }
    }

    /// Whether a process plays a role.
    pub fn has(&self, role: process::Plays) -> bool {
        self.most(role).is_some()
    }

    /// How many may play a role at once; none if no process does.
    pub fn most(&self, role: process::Plays) -> Option<u32> {
        let playing = self.processes.iter().filter(|process| process.is(role));
        playing.map(|process| process.most).max()
    }
}

impl File {
    fn understood(self) -> Result<Target, Mistake> {
        let missing = |what: &str| Err(Mistake::at("", what));
        let Some(name) = self.name else {
            return missing("the target has no name; write name = \"shop\" at the top");
        };
        if name.trim().is_empty() || name.contains(char::is_control) {
            let problem = "the name is empty, or has more than one line; write what reports shall call the target";
            return Err(Mistake::at("name", problem));
        }
        let Some(write) = self.write else {
            return missing(
                "there is no [write]: say how an operation is asked for, by http or sql",
            );
        };
        let Some(Witnesses(witnesses)) = self.witness.filter(|all| !all.0.is_empty()) else {
            return missing(
                "there is no [witness]: say where messages are heard, exchange or queue",
            );
        };
        let Some(processes) = self.process.filter(|all| !all.is_empty()) else {
            return missing("there is no [[process]]: say what is started");
        };
        let alone = (processes.len() == 1).then_some(name.as_str());
        let within = |table: &str| {
            let table = table.to_owned();
            move |mistake: Mistake| mistake.within(&table)
        };
        self.look.sound().map_err(within("look"))?;
        Ok(Target {
            needs: self.needs,
            promise: self.promise,
            pace: self.pace,
            write: write.understood().map_err(within("write"))?,
            outbox: self
                .outbox
                .map(|outbox| outbox.understood().map_err(within("outbox")))
                .transpose()?,
            witnesses: (0..)
                .zip(witnesses)
                .map(|(at, witness): (usize, _)| {
                    witness
                        .understood()
                        .map_err(within(&format!("witness.{at}")))
                })
                .collect::<Result<_, _>>()?,
            effects: self
                .effects
                .map(|effects| effects.understood().map_err(within("effects")))
                .transpose()?,
            processes: (0..)
                .zip(processes)
                .map(|(at, process): (usize, _)| {
                    let process = process.understood(alone);
                    process.map_err(within(&format!("process.{at}")))
                })
                .collect::<Result<_, _>>()?,
            setup: self.setup,
            look: self.look,
            message: self.message,
            version: self.version,
            about: self.about,
            laboratory: self.laboratory.settings,
            laboratory_pace: self.laboratory.pace,
            folder: None,
            name,
        })
    }
}

#[cfg(test)]
mod tests;
