//! `lab target`.

mod probe;

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Subcommand;

use super::{Usage, named, say, tell};
use crate::ask::target::{Target, judged::judged, process::Process, remarks::remarks, skeleton};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a commented skeleton of a target file.
    New {
        /// Where; without it, to stdout. A file that is there is left alone.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Read a target file, and say what will be judged and what will not.
    Check {
        /// The target file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Start the target, write 20 operations without any fault, and say which lines of its file would describe what it does.
    Probe(Box<probe::Args>),
}

pub(super) async fn target(command: &Command) -> Result<u8> {
    match command {
        Command::New { file: None } => say(skeleton::SKELETON.trim_end()),
        Command::New { file: Some(file) } => {
            new(file).map_err(Usage::because)?;
            tell(format_args!(
                "{} is written: fill in the lines that end in \"{}\", then `cargo lab target check {}`",
                file.display(),
                skeleton::MARK,
                file.display()
            ));
        }
        Command::Check { file } => {
            let target = named::file(file).map_err(Usage::because)?;
            for line in described(&target) {
                say(line);
            }
        }
        Command::Probe(args) => return probe::probe(args).await,
    }
    Ok(0)
}

fn new(file: &Path) -> Result<()> {
    let created = File::create_new(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => io::Error::new(
            ErrorKind::AlreadyExists,
            "it is there already, and is left alone; name another file",
        ),
        _ => error,
    });
    created
        .and_then(|mut created| created.write_all(skeleton::SKELETON.as_bytes()))
        .with_context(|| format!("writing {}", file.display()))
}

/// What a file says, what will be judged of it, and what else should be known.
fn described(target: &Target) -> Vec<String> {
    let mut lines = vec![
        format!("target: {}", target.name),
        format!("written by: {}", target.write),
    ];
    let heard = target.witnesses.iter();
    lines.extend(heard.map(|witness| format!("heard on: {witness}")));
    lines.extend(target.processes.iter().map(process));
    lines.push(String::new());
    lines.extend(judged(target).iter().map(ToString::to_string));
    let remarks = remarks(target);
    if !remarks.is_empty() {
        lines.push(String::new());
        lines.extend(remarks.iter().map(|remark| format!("mind: {remark}")));
    }
    lines
}

fn process(process: &Process) -> String {
    let listed = |names: Vec<&str>| match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(", "),
    };
    format!(
        "runs: {} {}, plays {}, over edges to {}",
        process.count,
        process.name,
        listed(process.plays.iter().map(|role| role.name()).collect()),
        listed(process.edges.iter().map(|edge| edge.name()).collect())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_is_written_once_and_never_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my.toml");
        new(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), skeleton::SKELETON);
        std::fs::write(&file, "mine").unwrap();
        let said = format!("{:#}", new(&file).unwrap_err());
        assert!(
            said.contains("my.toml") && said.contains("left alone"),
            "{said}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }

    #[tokio::test]
    async fn a_mistake_is_told_with_file_and_line_and_is_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my.toml");
        std::fs::write(&file, "name = 'shop'\n\n[wriet]\n").unwrap();
        let error = target(&Command::Check { file }).await.unwrap_err();
        assert!(error.is::<Usage>());
        let said = error.to_string();
        assert!(
            said.contains("my.toml, line 3: unknown field `wriet`"),
            "{said}"
        );
        assert!(said.ends_with("did you mean \"write\"?"), "{said}");
    }

    #[test]
    fn what_will_be_judged_is_said_in_plain_lines() {
        let target = Target::read(include_str!(
            "../../targets/examples/deleted_when_sent.toml"
        ))
        .unwrap();
        let lines = described(&target);
        for line in [
            "written by: POST {{api}}/orders",
            "heard on: queue entity, read by the lab alone",
            "runs: 1 orders, plays api, relay, over edges to postgres, rabbitmq",
            "judged: loss (what was accepted is heard)",
            "not judged: stuck, because [outbox] has no held",
        ] {
            assert!(
                lines.iter().any(|said| said == line),
                "{line} is not in\n{}",
                lines.join("\n")
            );
        }
    }
}
