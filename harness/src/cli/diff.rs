//! `lab diff`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Usage, say};
use crate::{
    judge::summary::{RunSummary, judge},
    os::terminal::columns,
    report::Diff,
};

/// Exit code 1 where a checker says worse of the other run than of the one, else 0.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A run's folder, as printed by `lab run`; it is judged again.
    #[arg(value_name = "ONE")]
    one: PathBuf,
    /// Another run's, of the same story or not.
    #[arg(value_name = "OTHER")]
    other: PathBuf,
}

pub(super) fn diff(args: &Args) -> Result<u8> {
    let diff = Diff::of(&judged(&args.one)?, &judged(&args.other)?);
    say(diff.told(columns()));
    Ok(u8::from(!diff.worse.is_empty()))
}

fn judged(folder: &Path) -> Result<RunSummary> {
    let again = format!("cargo lab check {}", folder.display());
    judge(folder, again).map_err(|error| Usage::because(error.into()))
}
