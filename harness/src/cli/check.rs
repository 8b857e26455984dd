//! `lab check`.

use std::path::PathBuf;

use anyhow::Result;

use super::{Usage, run};
use crate::trial;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A run's folder, as printed by `lab run`.
    #[arg(value_name = "RUN")]
    folder: PathBuf,
    #[command(flatten)]
    reports: run::Reports,
}

pub(super) fn check(args: &Args) -> Result<u8> {
    let repeat = format!("cargo lab check {}", args.folder.display());
    let summary = trial::judge(&args.folder, repeat).map_err(Usage::because)?;
    for finding in &summary.findings {
        println!(
            "{:12} {:8} {}",
            finding.checker,
            finding.verdict.to_string(),
            finding.reason
        );
        for example in &finding.examples {
            println!("{:21} - {example}", "");
        }
    }
    args.reports.write(std::slice::from_ref(&summary))
}
