//! `[[process]]`: what is started, and how it learns where its servers are.

mod edge;
mod ready;
mod role;
mod sound;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

pub use edge::Edge;
pub use ready::{Port, Ready};
pub use role::Plays;

use super::{
    command::Command,
    mistake::Mistake,
    placeholder::Placeholder,
    span::Span,
    text::{OfProcess, Text},
};

/// Texts by name.
pub type Named<K> = BTreeMap<K, Text<OfProcess>>;

/// A program of the target's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// What stories call it, after what it plays.
    pub name: String,
    /// What it does for the target. Nothing: it is only there, and never disturbed.
    pub plays: Vec<Plays>,
    /// How many of it run.
    pub count: u32,
    /// How many of it may run side by side, where a story wants several.
    pub most: u32,
    /// What is started.
    pub program: Program,
    /// Its environment.
    pub env: Named<Variable>,
    /// Files that are written into its folder before it is started.
    pub files: Named<FilePath>,
    /// What becomes of its folder when it is started again.
    pub dir: Folder,
    /// How it is seen that it can work.
    pub ready: Ready,
    /// What it means that it ends by itself.
    pub ended: Ended,
    /// How it is asked to stop.
    pub stop: Signal,
    /// The codes with which it then ends. None: 0, the shell's code for that signal, or the signal itself.
    pub exits: Option<Vec<u8>>,
    /// Over which edges it speaks.
    pub edges: Vec<Edge>,
    /// The file's line, from 1, that says what is started.
    pub line: usize,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A command, in the process's own folder.
    Command(Command<OfProcess>),
    /// A container's image, in the host's network.
    Image(String),
}

/// What becomes of a process's folder when it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Folder {
    /// It is made anew.
    #[default]
    Fresh,
    /// It is as it was left.
    Keep,
}

/// What it means that a process ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Ended {
    /// It has died.
    #[default]
    Died,
    /// Whoever runs it starts it again.
    RestartAfter(Span),
}

impl TryFrom<String> for Ended {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let after = text.strip_prefix("restart after ").ok_or_else(|| {
            format!("{text:?} says nothing that can be done; write \"restart after 1s\", or leave it out")
        })?;
        Span::parse(after.trim()).map(Self::RestartAfter)
    }
}

/// How a process is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// As nearly everybody does.
    #[default]
    Term,
    /// As by Ctrl-C.
    Int,
    /// As nginx and PHP have it.
    Quit,
    /// As some daemons have it.
    Hup,
}

/// An environment variable's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Variable(String);

impl Variable {
    /// As programs know it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Variable {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.contains(['=', ' ', '\0']) {
            return Err(format!("{text:?} is no environment variable's name"));
        }
        Ok(Self(text))
    }
}

/// A file in a process's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct FilePath(String);

impl FilePath {
    /// From its folder.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FilePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let steps = text.split('/');
        if steps
            .into_iter()
            .any(|step| matches!(step, "" | "." | ".."))
        {
            return Err(format!(
                "{text:?} is no file inside the process's folder; write one like config/application.properties"
            ));
        }
        Ok(Self(text))
    }
}

/// As the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessTable {
    name: Option<String>,
    plays: Option<Vec<Plays>>,
    count: Option<u32>,
    most: Option<u32>,
    run: Option<Command<OfProcess>>,
    image: Option<String>,
    #[serde(default)]
    env: Named<Variable>,
    #[serde(default)]
    files: Named<FilePath>,
    #[serde(default)]
    dir: Folder,
    #[serde(default)]
    ready: Ready,
    #[serde(default)]
    ended: Ended,
    #[serde(default)]
    stop: Signal,
    exits: Option<Vec<u8>>,
    edges: Option<Vec<Edge>>,
}

impl ProcessTable {
    /// Without a name of its own it is called as its target, if that has no other.
    pub fn understood(self, target: Option<&str>) -> Result<Process, Mistake> {
        let name = name(self.name, target)?;
        let plays = role::of(&name, self.plays)?;
        let program = match (self.run, self.image) {
            (Some(command), None) => Program::Command(command),
            (None, Some(image)) if !image.trim().is_empty() => Program::Image(image),
            (None, Some(_)) => return Err(Mistake::at("image", "the image has no name")),
            (Some(_), Some(_)) => {
                let problem =
                    "both run and image; an image brings its own command, write one of them";
                return Err(Mistake::at("image", problem));
            }
            (None, None) => {
                let problem = "starts nothing; write run = \"./program\", or image = \"…\"";
                return Err(Mistake::at("", problem));
            }
        };
        let process = Process {
            name,
            plays,
            count: self.count.unwrap_or(1),
            most: self.most.or(self.count).unwrap_or(1),
            program,
            env: self.env,
            files: self.files,
            dir: self.dir,
            ready: self.ready,
            ended: self.ended,
            stop: self.stop,
            exits: self.exits,
            edges: self.edges.unwrap_or(vec![Edge::Postgres, Edge::Rabbitmq]),
            line: 1,
        };
        let open: Vec<&Placeholder> = process.placeholders().collect();
        sound::check(&process, &open)?;
        Ok(process)
    }
}

fn name(said: Option<String>, target: Option<&str>) -> Result<String, Mistake> {
    let is_word = |text: &str| {
        text.starts_with(|sign: char| sign.is_ascii_lowercase())
            && text.bytes().all(|sign| {
                sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, b'-' | b'_')
            })
    };
    let (key, name) = match (said, target) {
        (Some(name), _) => ("name", name),
        (None, Some(target)) if is_word(target) => ("", target.to_owned()),
        (None, _) => {
            let problem = "has no name; write name = \"relay\", as stories call it";
            return Err(Mistake::at("", problem));
        }
    };
    if !is_word(&name) {
        let problem = format!(
            "{name:?} is no name for stories; write lower-case letters, digits, - and _, a letter first"
        );
        return Err(Mistake::at(key, problem));
    }
    if name == "client" || Edge::named(&name) {
        let problem = format!("{name:?} is what stories call something else; give it another name");
        return Err(Mistake::at(key, problem));
    }
    Ok(name)
}

impl Process {
    /// Whether it plays a role.
    pub fn is(&self, role: Plays) -> bool {
        self.plays.contains(&role)
    }

    /// Whether it has the port on which requests are taken.
    pub fn takes_requests(&self) -> bool {
        let http = Placeholder::Port("http".to_owned());
        self.placeholders().any(|open| *open == http)
    }

    /// What its command, its environment and its files leave open.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        let command = match &self.program {
            Program::Command(command) => Some(command.placeholders()),
            Program::Image(_) => None,
        };
        command.into_iter().flatten().chain(self.surroundings())
    }

    /// The names of the ports that it is told.
    pub fn ports(&self) -> BTreeSet<&str> {
        let ports = self.placeholders().filter_map(|open| match open {
            Placeholder::Port(name) => Some(name.as_str()),
            _ => None,
        });
        ports.collect()
    }

    /// What its environment and its files leave open.
    pub fn surroundings(&self) -> impl Iterator<Item = &Placeholder> {
        let env = self.env.values().flat_map(Text::placeholders);
        env.chain(self.files.values().flat_map(Text::placeholders))
    }

    /// Each text that it is told, and where the file says it.
    fn texts(&self) -> Vec<(String, &Text<OfProcess>)> {
        let words = match &self.program {
            Program::Command(command) => command.texts(),
            Program::Image(_) => &[],
        };
        let words = words.iter().map(|word| ("run".to_owned(), word));
        let env = self.env.iter();
        let files = self.files.iter();
        words
            .chain(env.map(|(name, text)| (format!("env.{}", name.as_str()), text)))
            .chain(files.map(|(path, text)| (format!("files.{}", path.as_str()), text)))
            .collect()
    }
}
