//! `lab shrink`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use tokio_util::sync::CancellationToken;

use super::{
    INTERRUPTED, NO_LAB, Runs, Usage,
    again::Again,
    default_scenarios,
    installed::installed,
    named::{self, Named},
    progress::Progress,
    say, tell, unless_interrupted, until_interrupted,
};
use crate::{
    ask::{target::built_in, trial::Trial},
    explore::{
        shrink::{Red, Shrinker, Shrunk},
        suite::Manner,
    },
    history,
    judge::summary::judge,
    servers::{
        backend::{Details, Kind, Wanted},
        lab::Lab,
        needs,
    },
};

/// The folder of scenarios that the lab itself has found.
pub(super) const FOUND: &str = "found";

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
    let shown = Arc::new(Progress::new(0));
    let plugins = needs::plugins(&red.trial.target.needs);
    let boot = Lab::start_with(&args.servers, &plugins, |line| shown.line(line));
    let lab = Arc::new(unless_interrupted(boot).await?);
    let shrinker = Shrinker {
        lab: lab.clone(),
        manner: Manner {
            runs: args.runs.folder.clone(),
            keep: false,
            side_by_side: args.jobs as usize,
            stop: CancellationToken::new(),
        },
        within: args.within,
        runs: args.repeat as usize,
    };
    let stop = shrinker.manner.stop.clone();
    let work = async {
        needs::check(&lab, &red.trial.target.needs).await?;
        shrinker.shrink(&red, shown.clone()).await
    };
    let shrunk = until_interrupted(&stop, work).await;
    let removed = lab.end().await;
    shown.finish();
    if stop.is_cancelled() {
        tell("lab: interrupted; everything is stopped and removed");
        return Ok(INTERRUPTED);
    }
    let shrunk = shrunk?;
    let again = Commands {
        named: &named,
        as_shipped: args.as_shipped,
        backend: lab.backend(),
        details: &args.servers.details,
        seed: red.trial.seed,
    };
    let code = show(&shrunk, &args.found, &again)?;
    removed.map(|()| code)
}

/// What was red, of whom.
fn red(args: &Args) -> Result<(Red, Named)> {
    let summary = judge(&args.folder, String::new())?;
    let history = history::read(&args.folder.join("history.jsonl"))?;
    let subject = history
        .subject()
        .context("the run does not tell of whom it is")?;
    let asked = args.target.as_deref().unwrap_or(&subject.name);
    let mut named = named::targets(asked).map_err(|error| match args.target {
        Some(_) => error,
        None => anyhow!("the run is one of {asked:?}, which is no target of the lab's; name its file with --target"),
    })?;
    let Some(named) = named.pop().filter(|_| named.is_empty()) else {
        bail!("{asked:?} is several targets; name one");
    };
    if named.target.name != subject.name {
        let (own, other) = (&subject.name, &named.target.name);
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
    Ok((Red::of(&summary, &trial)?, named))
}

/// The command that repeats what is found.
pub(super) struct Commands<'a> {
    pub named: &'a Named,
    pub as_shipped: bool,
    pub backend: Kind,
    pub details: &'a Details,
    pub seed: u64,
}

impl Commands<'_> {
    /// For a file: by its name where names are looked up, else by its path.
    pub fn of(&self, file: &Path) -> String {
        let by_name = file.parent() == Some(&default_scenarios().join(FOUND));
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let asked = match by_name {
            true => format!("{FOUND}/{stem}"),
            false => file.display().to_string(),
        };
        let by = self.named.by.as_str();
        let again = Again {
            asked: &asked,
            target: (by != built_in::OURS).then_some(by),
            as_shipped: self.as_shipped,
            scenarios: None,
            backend: self.backend,
            details: self.details,
        };
        again.command(self.seed)
    }
}

/// Tells what became of it, and keeps it.
fn show(shrunk: &Shrunk, found: &Path, again: &Commands<'_>) -> Result<u8> {
    let seconds = shrunk.took_ms as f64 / 1_000.0;
    if shrunk.is_flaky() {
        say(format_args!(
            "flaky, not shrunk: red by the same checkers in {} runs",
            shrunk.original
        ));
        return Ok(3);
    }
    if shrunk.least.times == 0 {
        say(format_args!(
            "not shrunk: of the last {} runs none was red",
            shrunk.least.of
        ));
        return Ok(3);
    }
    let file = shrunk.save(found, |file| vec![again.of(file)])?;
    say(format_args!(
        "{}; {} of {} faults, {} of {} operations; {} runs in {seconds:.0} s{}",
        shrunk.told(),
        shrunk.faults[1],
        shrunk.faults[0],
        shrunk.operations[1],
        shrunk.operations[0],
        shrunk.runs,
        if shrunk.whole {
            ""
        } else {
            "; there was no time for more"
        },
    ));
    say(format_args!("story  {}", shrunk.scenario.story));
    say(format_args!("file   {}", file.display()));
    if let Some(run) = &shrunk.evidence {
        say(format_args!("run    {}", run.folder.display()));
    }
    say(format_args!("again  {}", again.of(&file)));
    Ok(if file.is_file() { 0 } else { NO_LAB })
}
