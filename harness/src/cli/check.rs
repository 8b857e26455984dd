//! `lab check`.

use std::path::PathBuf;

use anyhow::Result;

use super::{NO_LAB, Usage, github, progress, reports::Reports, say};
use crate::{
    judge::{summary::judge, verdict::Verdict},
    os::terminal::columns,
    report::{self, Account},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A run's folder, as printed by `lab run`.
    #[arg(value_name = "RUN")]
    folder: PathBuf,
    #[command(flatten)]
    reports: Reports,
}

pub(super) fn check(args: &Args) -> Result<u8> {
    args.reports.can_be_written().map_err(Usage::said)?;
    let repeat = format!("cargo lab check {}", args.folder.display());
    let summary = judge(&args.folder, repeat).map_err(|error| Usage::because(error.into()))?;
    for finding in &summary.findings {
        say(format_args!(
            "{:12} {:8} {}",
            finding.checker,
            finding.verdict.to_string(),
            finding.reason
        ));
        for example in &finding.examples {
            say(format_args!("{:21} - {example}", ""));
        }
    }
    let accounts = Account::of_stored(vec![summary]);
    let written = args.reports.write(&accounts);
    for account in &accounts {
        say(report::table(account, progress::coloured(), columns()));
    }
    github::told(&accounts);
    let code = Verdict::worst(accounts.iter().map(Account::verdict)).exit_code();
    Ok(if code == 0 && !written { NO_LAB } else { code })
}
