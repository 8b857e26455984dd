//! `lab selftest`: mistakes that are known, and who catches them.

mod shrunk;
mod visit;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{
    Runs, Scenarios, Usage,
    on_lab::on_lab,
    outbox::{self, written},
    progress::Progress,
    say, tell,
};
use crate::{
    ask::{seed, spelling::did_you_mean, zoo::Cage},
    explore::{shrink::Shrinker, suite::Manner, zoo, zoo::Zoo},
    os::terminal::columns,
    report,
    servers::{backend::Wanted, lab::Lab},
};
use visit::{Healthy, Visit};

/// For making a run small.
const SHRUNK_WITHIN: Duration = Duration::from_secs(130);
/// How often what is left is run in the end.
const RUNS_OF_THE_LEAST: usize = 4;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Bugs by name; all if none is named.
    bugs: Vec<String>,
    #[command(flatten)]
    scenarios: Scenarios,
    /// Put only the healthy outbox through every story that fits it.
    #[arg(long, conflicts_with = "bugs")]
    healthy: bool,
    /// Show each bug once, and make the run that shows it as small as it can be; exit code 0 only if eight of ten come down
    /// to two faults and six operations at most, within three minutes each.
    #[arg(long, conflicts_with = "healthy")]
    shrink: bool,
    /// Write the outbox with the bug that is named as a target file, and run nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["healthy", "shrink", "matrix"])]
    as_target: Option<PathBuf>,
    /// Print what there is, and run nothing.
    #[arg(long)]
    list: bool,
    /// Seeds the operations; chosen and printed if not given.
    #[arg(long, env = seed::VARIABLE)]
    seed: Option<u64>,
    /// Run so many at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Write the table in Markdown.
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    #[command(flatten)]
    runs: Runs,
    #[command(flatten)]
    servers: Wanted,
}

pub(super) async fn selftest(args: Args) -> Result<u8> {
    let zoo = Zoo::open(&zoo::folder(), &args.scenarios.folder).map_err(Usage::because)?;
    let cages = chosen(&zoo, &args.bugs).map_err(Usage::because)?;
    if args.list {
        for cage in &cages {
            let (red, stories) = (cage.red.join(", "), cage.stories.join(", "));
            say(format_args!("{:28} {red:24} {stories}", cage.bug));
        }
        return Ok(0);
    }
    if let Some(file) = &args.as_target {
        return write_target(&zoo, &cages, file).map_err(Usage::because);
    }
    if let Some(file) = &args.matrix {
        report::can_be_written(file).map_err(Usage::said)?;
    }
    args.runs.can_be_kept()?;
    let seed = args.seed.unwrap_or_else(seed::fresh);
    tell(format_args!(
        "seed {seed}; {} bugs, {} side by side",
        cages.len(),
        args.jobs
    ));
    let began = Instant::now();
    let most = |cage: &Cage| cage.stories.len() + usize::from(cage.neighbour.is_some());
    let runs = Healthy::of(&cages).len() + cages.iter().map(most).sum::<usize>();
    let shown = Arc::new(Progress::new(runs));
    let stop = CancellationToken::new();
    let work = async |lab: Arc<Lab>| {
        let visit = Visit {
            zoo,
            lab,
            servers: args.servers.clone(),
            manner: Manner {
                runs: args.runs.folder.clone(),
                keep: true,
                side_by_side: 1,
                stop: stop.clone(),
            },
            shown: shown.clone(),
            seed,
        };
        show(&visit, &cages, &args).await
    };
    let done = on_lab(&args.servers, &[], &shown, &stop, |_| (), work).await?;
    tell(format_args!(
        "{:.0} s in all",
        began.elapsed().as_secs_f64()
    ));
    let code = done.found;
    Ok(done.code(code)?)
}

fn chosen(zoo: &Zoo, named: &[String]) -> Result<Vec<Cage>> {
    let all = &zoo.manifest.cages;
    if named.is_empty() {
        return Ok(all.clone());
    }
    let of = |name: &String| {
        all.iter()
            .find(|cage| cage.bug == *name)
            .cloned()
            .ok_or_else(|| {
                let meant = did_you_mean(name, all.iter().map(|cage| cage.bug.as_str()));
                anyhow!(
                    "there is no bug {name:?}{meant}; `lab selftest --list` shows what there is"
                )
            })
    };
    named.iter().map(of).collect()
}

/// The healthy outbox first: where it is not green nothing is shown by a red one.
async fn show(visit: &Visit, cages: &[Cage], args: &Args) -> Result<u8> {
    let jobs = args.jobs as usize;
    if args.shrink {
        return shrink(visit, cages, args).await;
    }
    let asked = match args.healthy {
        true => visit.everything()?,
        false => Healthy::of(cages),
    };
    let healthy = stream::iter(asked.into_iter().enumerate())
        .map(|(at, healthy)| visit.healthy(healthy, at))
        .buffer_unordered(jobs);
    let sick: Vec<(Healthy, String)> = healthy
        .filter_map(|(healthy, why)| async move { Some((healthy, why?)) })
        .collect()
        .await;
    for (healthy, why) in &sick {
        tell(format_args!(
            "lab: the healthy outbox is not green in {}: {why}",
            healthy.story
        ));
    }
    if args.healthy {
        return Ok(u8::from(!sick.is_empty()));
    }
    let rows = stream::iter(cages.iter().enumerate())
        .map(|(at, cage)| visit.cage(cage, at, &sick))
        .buffered(jobs);
    let rows: Vec<report::Row> = rows.collect().await;
    say(report::zoo(&rows, columns()).trim_end());
    let whole = args.matrix.as_ref();
    let whole = whole.is_none_or(|file| written(report::write_markdown(file, &rows)));
    let well = rows.iter().all(|row| row.well);
    Ok(outbox::code(u8::from(!well), whole))
}

/// One bug after the other: the candidates of one run side by side.
async fn shrink(visit: &Visit, cages: &[Cage], args: &Args) -> Result<u8> {
    let shrinker = Shrinker {
        lab: visit.lab.clone(),
        manner: Manner {
            side_by_side: args.jobs as usize,
            ..visit.manner.clone()
        },
        within: SHRUNK_WITHIN,
        runs: RUNS_OF_THE_LEAST,
    };
    let mut rows = Vec::new();
    for (at, cage) in cages.iter().enumerate() {
        if visit.manner.stop.is_cancelled() {
            break;
        }
        rows.push(visit.shrunk(cage, at, &shrinker).await);
    }
    say(report::least(&rows, columns()).trim_end());
    let whole = args.matrix.as_ref();
    let whole = whole.is_none_or(|file| written(report::write_least(file, &rows)));
    Ok(outbox::code(u8::from(!report::are_small(&rows)), whole))
}

fn write_target(zoo: &Zoo, cages: &[Cage], file: &Path) -> Result<u8> {
    let [cage] = cages else {
        bail!("--as-target writes the outbox with one bug; name one");
    };
    let text = zoo.file(&cage.house(), Some(&cage.bug))?;
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(0)
}
