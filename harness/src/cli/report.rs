//! `lab report`.

use std::path::PathBuf;

use anyhow::Result;

use super::{Usage, say};
use crate::{
    judge::summary::judge,
    report::{self, Account},
};

/// Exit code 0 where the page is written, whatever it says: `lab check` exits with a run's verdict.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders of runs, as printed by `lab run`; they are judged again.
    #[arg(value_name = "RUN", required = true)]
    folders: Vec<PathBuf>,
    /// Where the page is written.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    html: PathBuf,
}

pub(super) fn report(args: &Args) -> Result<u8> {
    report::can_be_written(&args.html).map_err(Usage::said)?;
    let judged = args.folders.iter().map(|folder| {
        let again = format!("cargo lab check {}", folder.display());
        judge(folder, again).map_err(|error| Usage::because(error.into()))
    });
    let accounts = Account::of_stored(judged.collect::<Result<_>>()?);
    report::write_html(&args.html, &accounts)?;
    say(format_args!("{}", args.html.display()));
    Ok(0)
}
