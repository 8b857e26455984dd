//! `lab trace`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use uuid::Uuid;

use super::{Usage, say};
use crate::{
    history::{self, Entry, Event},
    report::sequence::draw,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A run's folder, as printed by `lab run --keep`.
    #[arg(value_name = "RUN")]
    folder: PathBuf,
    /// An operation's id, or how it begins. Without it, the operations of the run whose messages a fault has struck are listed.
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(super) fn trace(args: &Args) -> Result<u8> {
    let history = history::read(&args.folder.join("history.jsonl"))
        .map_err(|error| Usage::because(error.into()))?;
    let entries = history.entries();
    let Some(id) = &args.id else {
        return Ok(list(entries));
    };
    let op = named(entries, &id.to_lowercase()).map_err(Usage::because)?;
    say(format_args!("operation {op}\n"));
    say(draw(&history.trail(op)).trim_end());
    Ok(0)
}

fn list(entries: &[Entry]) -> u8 {
    let mut struck: Vec<(Uuid, &str)> = Vec::new();
    for entry in entries {
        if let Event::Passed {
            what,
            ops,
            struck: true,
            ..
        } = &entry.event
        {
            struck.extend(ops.iter().map(|op| (*op, what.as_str())));
        }
    }
    struck.sort_unstable();
    struck.dedup();
    if struck.is_empty() {
        say(format_args!(
            "no fault has struck a message that names an operation; give an operation's id"
        ));
    }
    for (op, what) in struck {
        say(format_args!("{op}  {what}"));
    }
    0
}

/// The one operation whose id begins so.
fn named(entries: &[Entry], start: &str) -> Result<Uuid> {
    let mut found: Vec<Uuid> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Passed { ops, .. } => Some(ops),
            _ => None,
        })
        .flatten()
        .copied()
        .filter(|op| op.to_string().starts_with(start))
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => bail!(
            "no message of the run names an operation {start}; `lab trace RUN` lists those that faults have struck"
        ),
        several => bail!(
            "{} operations begin with {start}; write more of the id",
            several.len()
        ),
    }
}
