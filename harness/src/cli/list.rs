//! `lab list`.

use anyhow::Result;

use super::{Scenarios, Usage, say};
use crate::{facts, property, seed, suite};

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
            say(format_args!("{name:28} {meaning}"));
        }
        return Ok(0);
    }
    for case in suite::cases(&args.scenarios.folder).map_err(Usage::because)? {
        say(format_args!("{:34} {}", case.name, case.scenario.story));
    }
    // Each seed draws others; their story is the same.
    for (name, scenario) in property::scenarios(seed::fresh()) {
        say(format_args!("{name:34} {}", scenario.story));
    }
    Ok(0)
}
