//! `lab shrink`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

use super::{
    Runs, Usage,
    again::{Again, FOUND},
    default_scenarios,
    installed::installed,
    named::{self, Named},
    on_lab::on_lab,
    progress::Progress,
    say, tell, unless_interrupted,
};
use crate::{
    ask::trial::Trial,
    explore::{
        shrink::{Red, Shrinker},
        suite::Manner,
    },
    judge::summary::{RunSummary, judge},
    report,
    run::arrange,
    servers::{backend::Wanted, lab::Lab},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a run that failed, as printed by `lab run`.
    #[arg(value_name = "RUN")]
    folder: PathBuf,
    /// The outbox that was judged: a target file, or the name of one that is part of the lab. Without it: the one of the lab's
    /// that has the name that the run tells.
    #[arg(long, env = "LAB_TARGET", value_name = "FILE|NAME")]
    target: Option<String>,
    /// Leave the settings of the target's [laboratory] out.
    #[arg(long)]
    as_shipped: bool,
    /// After so long nothing smaller is tried any more.
    #[arg(long, default_value = "3m", value_parser = humantime::parse_duration)]
    within: Duration,
    /// Where the scenario and its plan are written.
    #[arg(long, value_name = "FOLDER", default_value_os_t = default_scenarios().join(FOUND))]
    found: PathBuf,
    /// Run the least so many times in the end.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    repeat: u64,
    /// Run so many at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    #[command(flatten)]
    runs: Runs,
    #[command(flatten)]
    servers: Wanted,
}

pub(super) async fn shrink(args: Args) -> Result<u8> {
    let (red, named) = red(&args).map_err(Usage::because)?;
    args.runs.can_be_kept()?;
    unless_interrupted(installed(&named, |line| tell(line))).await?;
    let (shown, stop) = (Arc::new(Progress::new(0)), CancellationToken::new());
    let work = async |lab: Arc<Lab>| {
        let again = Again::of(&named.by, args.as_shipped, &lab, &args.servers);
        let shrinker = Shrinker {
            lab,
            manner: Manner {
                runs: args.runs.folder.clone(),
                keep: false,
                side_by_side: args.jobs as usize,
                stop: stop.clone(),
            },
            within: args.within,
            runs: args.repeat as usize,
        };
        Ok((shrinker.shrink(&red, shown.clone()).await?, again))
    };
    let needs = &red.trial.target.needs;
    let done = on_lab(&args.servers, needs, &shown, &stop, |_| (), work).await?;
    let (shrunk, again) = &done.found;
    if let Some(why) = shrunk.unkept() {
        say(why);
        return Ok(done.code(3)?);
    }
    let again = |file: &_| again.of_found(file, red.trial.seed);
    let file = shrunk.save(&args.found, again)?;
    say(report::shrunk(shrunk, &file, &again(&file)).trim_end());
    Ok(done.code(0)?)
}

/// What was red, of whom.
fn red(args: &Args) -> Result<(Red, Named)> {
    let summary = judge(&args.folder, String::new())?;
    let own = &summary.target;
    if own.is_empty() {
        bail!("the run does not tell of whom it is");
    }
    let named = match &args.target {
        Some(asked) => named::one(asked)?,
        None => named::one(own).with_context(|| {
            format!("the run is one of {own:?}: say with --target which of the lab's that is, or name its file")
        })?,
    };
    if named.target.name != *own {
        let (asked, other) = (&named.by, &named.target.name);
        bail!("the run is one of {own:?}, and {asked} is {other:?}");
    }
    let scenario = summary.scenario.clone();
    let trial = Trial {
        name: summary.name.clone(),
        target: Arc::new(named.target.clone().at_its_pace(args.as_shipped)),
        as_shipped: args.as_shipped,
        scenario: scenario.context("the run does not tell its scenario")?,
        left_out: Vec::new(),
        seed: summary.seed,
        repeat_command: String::new(),
    };
    as_it_was_run(&summary, &trial)?;
    Ok((Red::of(&summary, &trial)?, named))
}

/// Refuses to run a target with other settings than those of the run, as it says of itself what they were.
fn as_it_was_run(summary: &RunSummary, trial: &Trial) -> Result<()> {
    let put_on = arrange::staging(trial).describe();
    let name = format!("target {}, ", trial.target.name);
    let mut said = summary.environment.iter();
    let said = said.find(|line| line.starts_with(&name));
    match said.filter(|said| **said != put_on) {
        None => Ok(()),
        Some(said) => bail!(
            "the run says {said:?}, and this would be {put_on:?}: {} --as-shipped, or shrink by the file as it was",
            if trial.as_shipped { "leave out" } else { "say" }
        ),
    }
}
