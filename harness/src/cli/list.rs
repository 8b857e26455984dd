//! `lab list`.

use anyhow::Result;

use super::{Scenarios, Usage};
use crate::{facts, suite};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenarios: Scenarios,
    /// List the facts that `[bites]` and `[expect]` can compare, instead.
    #[arg(long)]
    facts: bool,
}

pub(super) fn list(args: &Args) -> Result<u8> {
    if args.facts {
        for (name, meaning) in facts::NAMES {
            println!("{name:28} {meaning}");
        }
        return Ok(0);
    }
    for case in suite::cases(&args.scenarios.folder).map_err(Usage::because)? {
        println!("{:34} {}", case.name, case.scenario.story);
    }
    Ok(0)
}
