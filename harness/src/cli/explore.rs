//! `lab explore`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::{
    INTERRUPTED, NO_LAB, Runs, Usage, default_scenarios,
    installed::installed,
    named::{self, Named},
    progress::Progress,
    say,
    shrink::{Commands, FOUND},
    tell, unless_interrupted, until_interrupted,
};
use crate::{
    ask::{fault::Fault, seed, target::Target, target::built_in},
    explore::{
        campaign::{Again, Campaign, Explored},
        suite::{self, Manner},
    },
    report,
    servers::{backend::Wanted, lab::Lab, needs},
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
    let named = named(&args.target).map_err(Usage::because)?;
    if let Some(file) = &args.json {
        report::can_be_written(file).map_err(Usage::said)?;
    }
    args.runs.can_be_kept()?;
    unless_interrupted(installed(&named, |line| tell(line))).await?;
    let seed = args.seed.unwrap_or_else(seed::fresh);
    tell(format_args!("seed {seed}; {} side by side", args.jobs));
    let target = Arc::new(named.target.clone().at_its_pace(args.as_shipped));
    let shown = Arc::new(Progress::new(0));
    let plugins = needs::plugins(&target.needs);
    let boot = Lab::start_with(&args.servers, &plugins, |line| shown.line(line));
    let lab = Arc::new(unless_interrupted(boot).await?);
    let campaign = campaign(&args, named, target, lab.clone(), seed);
    let stop = campaign.manner.stop.clone();
    let work = async {
        needs::check(&lab, &campaign.target.needs).await?;
        campaign.run(shown.clone()).await
    };
    let ended = until_interrupted(&stop, work).await;
    let removed = lab.end().await;
    shown.finish();
    if stop.is_cancelled() {
        tell("lab: interrupted; everything is stopped and removed");
        return Ok(INTERRUPTED);
    }
    let explored = ended?;
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

fn named(target: &str) -> Result<Named> {
    let mut named = named::targets(target)?;
    match named.pop().filter(|_| named.is_empty()) {
        Some(named) => Ok(named),
        None => bail!("{target:?} is several targets; name one of its forms"),
    }
}

fn campaign(args: &Args, named: Named, target: Arc<Target>, lab: Arc<Lab>, seed: u64) -> Campaign {
    let (backend, details) = (lab.backend(), args.servers.details.clone());
    let wanted = Wanted {
        backend,
        details: details.clone(),
    };
    let as_shipped = args.as_shipped;
    let again: Again = Arc::new(move |file, seed| {
        let commands = Commands {
            named: &named,
            as_shipped,
            backend,
            details: &details,
            seed,
        };
        vec![commands.of(file)]
    });
    Campaign {
        lab,
        target,
        as_shipped,
        manner: Manner {
            runs: args.runs.folder.clone(),
            keep: args.keep,
            side_by_side: args.jobs as usize,
            stop: CancellationToken::new(),
        },
        seed,
        budget: args.budget,
        shrink_within: args.shrink_within,
        found: args.found.clone(),
        cannot: Arc::new(move |faults: &[Fault]| wanted.cannot(faults)),
        again,
    }
}

/// Red is red, however seldom; who bit nothing has shown nothing.
fn code(explored: &Explored) -> u8 {
    match () {
        () if !explored.found.is_empty() => 1,
        () if !explored.broken.is_empty() => NO_LAB,
        () if explored.covered.cells.bitten == 0 => 3,
        () => 0,
    }
}
