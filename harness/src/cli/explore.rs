//! `lab explore`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{
    NO_LAB, Runs, Usage,
    again::{Again, FOUND},
    default_scenarios,
    installed::installed,
    named,
    on_lab::on_lab,
    progress::Progress,
    say, tell, unless_interrupted,
};
use crate::{
    ask::{fault::Fault, seed, target::built_in},
    explore::{
        campaign::{Campaign, Explored},
        suite::{self, Manner},
    },
    report,
    servers::{backend::Wanted, lab::Lab},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The outbox that is judged: a target file, or the name of one that is part of the lab.
    #[arg(long, env = "LAB_TARGET", default_value = built_in::OURS, value_name = "FILE|NAME")]
    target: String,
    /// Leave the settings of the target's [laboratory] out.
    #[arg(long)]
    as_shipped: bool,
    /// After so long nothing new is begun.
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    budget: Duration,
    /// Each of those that are red is made small within so long.
    #[arg(long, default_value = "3m", value_parser = humantime::parse_duration)]
    shrink_within: Duration,
    /// Where what is found is kept, each as a scenario with its plan.
    #[arg(long, value_name = "FOLDER", default_value_os_t = default_scenarios().join(FOUND))]
    found: PathBuf,
    /// Seeds what is drawn. Chosen and printed if not given.
    #[arg(long, env = seed::VARIABLE)]
    seed: Option<u64>,
    /// Run so many at once.
    #[arg(long, value_name = "N", default_value_t = suite::SIDE_BY_SIDE as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Keep the folders of all runs.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    runs: Runs,
    /// Write what was covered and found as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    servers: Wanted,
}

pub(super) async fn explore(args: Args) -> Result<u8> {
    let named = named::one(&args.target).map_err(Usage::because)?;
    if let Some(file) = &args.json {
        report::can_be_written(file).map_err(Usage::said)?;
    }
    args.runs.can_be_kept()?;
    unless_interrupted(installed(&named, |line| tell(line))).await?;
    let seed = args.seed.unwrap_or_else(seed::fresh);
    tell(format_args!("seed {seed}; {} side by side", args.jobs));
    let target = Arc::new(named.target.clone().at_its_pace(args.as_shipped));
    let (shown, stop) = (Arc::new(Progress::new(0)), CancellationToken::new());
    let work = async |lab: Arc<Lab>| {
        let again = Again::of(&named.by, args.as_shipped, &lab, &args.servers);
        let servers = Wanted {
            backend: lab.backend(),
            details: args.servers.details.clone(),
        };
        let campaign = Campaign {
            lab,
            target: target.clone(),
            as_shipped: args.as_shipped,
            manner: Manner {
                runs: args.runs.folder.clone(),
                keep: args.keep,
                side_by_side: args.jobs as usize,
                stop: stop.clone(),
            },
            seed,
            budget: args.budget,
            shrink_within: args.shrink_within,
            found: args.found.clone(),
            cannot: Arc::new(move |faults: &[Fault]| servers.cannot(faults)),
            again: Arc::new(move |file, seed| again.of_found(file, seed)),
        };
        campaign.run(shown.clone()).await
    };
    let done = on_lab(&args.servers, &target.needs, &shown, &stop, work).await;
    let (explored, removed) = done?;
    let mut whole = true;
    if let Some(file) = &args.json
        && let Err(problem) = report::write_explored(file, &explored)
    {
        tell(format_args!("lab: {problem}"));
        whole = false;
    }
    say(report::explored(&explored).trim_end());
    removed?;
    Ok(match code(&explored) {
        0 if !whole => NO_LAB,
        code => code,
    })
}

/// Red is red, however seldom; who bit nothing has shown nothing.
fn code(explored: &Explored) -> u8 {
    match () {
        () if !explored.found.is_empty() => 1,
        () if !explored.broken.is_empty() || explored.stopped.is_some() => NO_LAB,
        () if explored.covered.cells.bitten == 0 => 3,
        () => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::campaign::{
        Ended, Found,
        coverage::{Covered, Part},
    };

    /// What was explored with so much that bit.
    fn explored(bitten: usize) -> Explored {
        let part = Part {
            bitten,
            tried: 5,
            of: 9,
        };
        Explored {
            covered: Covered {
                places: part,
                cells: part,
                pairs: part,
                phases: Default::default(),
                never_bitten: Vec::new(),
            },
            not_drawn: Vec::new(),
            ended: Ended::default(),
            found: Vec::new(),
            broken: Vec::new(),
            stopped: None,
            seed: 7,
            took_ms: 1,
        }
    }

    #[test]
    fn what_is_red_goes_before_a_lab_that_broke_and_that_before_nothing_that_bit() {
        assert_eq!(code(&explored(4)), 0);
        assert_eq!(code(&explored(0)), 3);
        let mut broken = explored(0);
        broken.broken.push("the disk is full".to_owned());
        assert_eq!(code(&broken), NO_LAB);
        broken.found.push(Found {
            checkers: vec!["loss".to_owned()],
            why: String::new(),
            story: String::new(),
            folder: PathBuf::new(),
            others: 0,
            least: None,
            told: String::new(),
            file: None,
        });
        assert_eq!(code(&broken), 1);
    }

    #[test]
    fn exploring_that_could_not_go_on_has_not_gone_well() {
        let mut stopped = explored(4);
        stopped.stopped = Some("nothing more can be drawn".to_owned());
        assert_eq!(code(&stopped), NO_LAB);
    }
}
