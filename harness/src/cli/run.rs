//! `lab run`.

mod candidate;
mod controls;
mod selection;

use anyhow::Result;

use super::{NO_LAB, Runs, Scenarios, Usage, github, progress, reports::Reports, say, tell};
use crate::{
    ask::seed,
    ask::target::built_in,
    explore::suite,
    os::terminal::columns,
    report::{self, Account},
    servers::backend::Wanted,
};
use candidate::Candidate;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenarios by name ("recovery/broker_back"), by folder ("recovery"; "property" for those that a seed draws), or as
    /// files; all if none is named.
    names: Vec<String>,
    #[command(flatten)]
    scenarios: Scenarios,
    /// The outbox that is judged: a target file, or the name of one that is part of the lab. Several are judged one after
    /// the other.
    #[arg(long = "target", env = "LAB_TARGET", default_value = built_in::OURS, value_name = "FILE|NAME", value_delimiter = ',')]
    targets: Vec<String>,
    /// Leave the settings of the target's [laboratory] out.
    #[arg(long)]
    as_shipped: bool,
    /// Seeds the operations, the drawn scenarios and the jitter; the same seed makes the same ones. Chosen and printed if not given.
    #[arg(long, env = seed::VARIABLE)]
    seed: Option<u64>,
    /// Run each scenario so many times, each with the next seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    repeat: u64,
    /// Run so many at once.
    #[arg(long, value_name = "N", default_value_t = suite::SIDE_BY_SIDE as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Run each story once with its faults removed instead, and require that it then proves nothing: exit code 0 only if
    /// every story is vacuous.
    #[arg(long, conflicts_with_all = ["repeat", "json", "junit", "matrix", "html"])]
    controls: bool,
    /// Show the runs in a browser on this machine while they go on, one at a time. The first waits a minute for
    /// somebody to look.
    #[arg(long, conflicts_with_all = ["jobs", "controls"])]
    live: bool,
    /// Keep the folders of green runs, too; `lab check` judges them again.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    runs: Runs,
    #[command(flatten)]
    servers: Wanted,
    #[command(flatten)]
    reports: Reports,
}

/// Exit codes, from the best to the worst.
const CODES: [u8; 4] = [0, 3, 1, NO_LAB];

pub(super) async fn run(mut args: Args) -> Result<u8> {
    if args.live {
        args.jobs = 1;
    }
    let candidates = Candidate::all(&args).map_err(Usage::because)?;
    args.reports.can_be_written().map_err(Usage::said)?;
    args.runs.can_be_kept()?;
    let seed = args.seed.unwrap_or_else(seed::fresh);
    let mut accounts: Vec<Account> = Vec::new();
    let (mut worst, mut interrupted) = (0, None);
    for candidate in &candidates {
        let account = match interrupted {
            Some(_) => candidate.not_begun(),
            None => {
                let (account, ended) = candidate.put_through(&args, seed).await;
                match ended {
                    Ok(code) => worst = worse(worst, code),
                    Err(why) => interrupted = Some(why),
                }
                account
            }
        };
        if args.controls {
            if let Some(why) = &account.not_set_up {
                tell(format_args!(
                    "lab: {} could not be set up: {why}",
                    account.target
                ));
            }
            continue;
        }
        accounts.push(account);
        // The files first: nobody has to read the table for them to be there, nor to wait for the next target.
        if !args.reports.write(&accounts) && worst == 0 {
            worst = NO_LAB;
        }
        if let Some(account) = accounts.last() {
            say(report::table(account, progress::coloured(), columns()));
        }
    }
    if !args.controls {
        github::told(&accounts);
    }
    match interrupted {
        Some(interrupted) => Err(interrupted.into()),
        None => Ok(worst),
    }
}

fn worse(one: u8, other: u8) -> u8 {
    let place = |code: &u8| CODES.iter().position(|known| known == code);
    [one, other].into_iter().max_by_key(place).unwrap_or(NO_LAB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_the_worst_of_all_targets() {
        let worst = |codes: &[u8]| codes.iter().copied().fold(0, worse);
        assert_eq!(worst(&[]), 0);
        assert_eq!(worst(&[0, 3, 0]), 3);
        assert_eq!(worst(&[3, 1, 3]), 1);
        assert_eq!(worst(&[1, NO_LAB, 0]), NO_LAB);
    }
}
