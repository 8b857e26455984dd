//! `lab run`.

mod again;
mod controls;
mod selection;

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{
    INTERRUPTED, NO_LAB, Scenarios, Usage, named,
    progress::{Control, Progress},
    reports::Reports,
    say, tell, unless_interrupted,
};
use crate::{
    ask::seed,
    ask::target::Target,
    ask::trial::Trial,
    explore::control,
    explore::evidence,
    explore::suite::{self, Ended, Manner},
    judge::verdict::Verdict,
    os::guard,
    servers::backend::Wanted,
    servers::lab::Lab,
    servers::needs,
};
use again::Again;
use selection::{Chosen, On, Selection};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenarios by name ("recovery/broker_back"), by folder ("recovery"; "property" for those that a seed draws), or as
    /// files; all if none is named.
    names: Vec<String>,
    #[command(flatten)]
    scenarios: Scenarios,
    /// The outbox that is judged: a target file, or the name of one that is part of the lab.
    #[arg(long, env = "LAB_TARGET", default_value = named::OURS, value_name = "FILE|NAME")]
    target: String,
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
    #[arg(long, conflicts_with = "repeat")]
    controls: bool,
    /// Keep the folders of green runs, too; `lab check` judges them again.
    #[arg(long)]
    keep: bool,
    /// Where the folders of runs are made.
    #[arg(
        long,
        env = "LAB_RUNS",
        default_value = "target/lab",
        value_name = "FOLDER"
    )]
    runs: PathBuf,
    #[command(flatten)]
    servers: Wanted,
    #[command(flatten)]
    reports: Reports,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let target = Arc::new(named::target(&args.target).map_err(Usage::because)?);
    let on = On {
        servers: &args.servers,
        target: &target,
    };
    let selection =
        Selection::of(&args.names, &args.scenarios.folder, &on).map_err(Usage::because)?;
    args.reports.can_be_written().map_err(Usage::said)?;
    evidence::can_be_kept_in(&args.runs).map_err(Usage::said)?;
    let seed = args.seed.unwrap_or_else(seed::fresh);
    let mut runs = selection.runs(seed, args.repeat);
    if args.controls {
        // What a seed draws has no story.
        runs.retain(|run| !run.name.starts_with("property/"));
    }
    if runs.is_empty() {
        list(&selection.not_run);
        return Ok(NO_LAB);
    }
    tell(format_args!(
        "seed {seed}; {} {}, {} side by side",
        runs.len(),
        if runs.len() == 1 { "run" } else { "runs" },
        args.jobs
    ));
    let shown = Arc::new(Progress::new(runs.len()));
    let plugins = needs::plugins(&target.needs);
    let boot = Lab::start_with(&args.servers, &plugins, |line| shown.line(line));
    let lab = Arc::new(unless_interrupted(boot).await?);
    if let Err(unmet) = needs::check(&lab, &target.needs).await {
        shown.finish();
        lab.end().await?;
        return Err(unmet);
    }
    let mistakes = match target.is_ours() {
        true => Vec::new(),
        false => control(&args, &target, &lab, seed, shown.clone()).await,
    };
    if !mistakes.is_empty() {
        shown.finish();
        lab.end().await?;
        for mistake in mistakes {
            tell(format_args!(
                "lab: nothing was broken, and still: {mistake}\nlab: that is a mistake of the file, or of the lab, and nothing is judged by it"
            ));
        }
        return Ok(NO_LAB);
    }
    let trials = runs
        .into_iter()
        .map(|run| trial(&args, &target, &lab, run))
        .collect();
    let manner = Manner {
        runs: args.runs.clone(),
        keep: args.keep,
        side_by_side: args.jobs as usize,
        stop: CancellationToken::new(),
    };
    let ended = until_interrupted(
        &manner,
        suite::run(lab.clone(), trials, &manner, shown.clone()),
    )
    .await;
    let removed = lab.end().await;
    shown.finish();
    let interrupted = manner.stop.is_cancelled();
    let code = match args.controls && !interrupted {
        true => show_controls(&args, &ended),
        false => report(&args, &selection, &ended, interrupted),
    };
    removed.map(|()| code)
}

/// Tries what a target file says with nothing broken. Says what is wrong with it; its folder stays then.
async fn control(
    args: &Args,
    target: &Arc<Target>,
    lab: &Arc<Lab>,
    seed: u64,
    shown: Arc<Progress>,
) -> Vec<String> {
    let run = Chosen {
        asked_by: control::NAME.to_owned(),
        name: control::NAME.to_owned(),
        scenario: control::scenario(target),
        left_out: Vec::new(),
        seed,
    };
    let manner = Manner {
        runs: args.runs.clone(),
        keep: true,
        side_by_side: 1,
        stop: CancellationToken::new(),
    };
    let trials = vec![trial(args, target, lab, run)];
    let ended = suite::run(lab.clone(), trials, &manner, Arc::new(Control(shown))).await;
    let Some(summary) = ended.summaries.first() else {
        return vec!["the control did not run".to_owned()];
    };
    let mistakes = control::refused(summary);
    if mistakes.is_empty()
        && !args.keep
        && let Err(error) = std::fs::remove_dir_all(&summary.folder)
    {
        tell(format_args!(
            "removing {}: {error}",
            summary.folder.display()
        ));
    }
    mistakes
}

/// Shows what the controls show. A control that is vacuous as it must be leaves nothing behind.
fn show_controls(args: &Args, ended: &Ended) -> u8 {
    let judged = ended.summaries.iter();
    let controls: Vec<_> = judged
        .filter_map(|summary| Some((summary.scenario.clone()?, summary)))
        .collect();
    let (table, code) = controls::report(&controls);
    say(table);
    let unjudged = controls.len() < ended.summaries.len();
    for summary in ended
        .summaries
        .iter()
        .filter(|run| run.verdict == Verdict::Vacuous && code == 0 && !args.keep)
    {
        if let Err(error) = std::fs::remove_dir_all(&summary.folder) {
            tell(format_args!(
                "removing {}: {error}",
                summary.folder.display()
            ));
        }
    }
    if unjudged { NO_LAB } else { code }
}

fn trial(args: &Args, target: &Arc<Target>, lab: &Lab, run: Chosen) -> Trial {
    let again = Again {
        asked: &run.asked_by,
        target: (args.target != named::OURS).then_some(args.target.as_str()),
        as_shipped: args.as_shipped,
        scenarios: args.scenarios.elsewhere(),
        backend: lab.backend(),
        details: &args.servers.details,
    };
    Trial {
        repeat_command: again.command(run.seed),
        name: run.name,
        target: target.clone(),
        as_shipped: args.as_shipped,
        scenario: match args.controls {
            true => run.scenario.control(),
            false => run.scenario,
        },
        left_out: run.left_out,
        seed: run.seed,
    }
}

/// Ctrl-C ends what is under way, and what is known by then is kept.
async fn until_interrupted(manner: &Manner, runs: impl Future<Output = Ended>) -> Ended {
    let mut runs = std::pin::pin!(runs);
    tokio::select! {
        ended = &mut runs => ended,
        _ = guard::interrupted() => {
            manner.stop.cancel();
            runs.await
        }
    }
}

/// Writes and shows what is known, and says how the process should exit.
fn report(args: &Args, selection: &Selection, ended: &Ended, interrupted: bool) -> u8 {
    let code = args.reports.write(&ended.summaries);
    list(&selection.not_run);
    for name in &ended.not_begun {
        say(format_args!("not run  {name}: interrupted before it began"));
    }
    let asked_for = |(name, _): &(String, String)| args.names.contains(name);
    match () {
        () if interrupted => {
            tell("lab: interrupted; everything is stopped and removed");
            INTERRUPTED
        }
        () if code == 0 && selection.not_run.iter().any(asked_for) => NO_LAB,
        () => code,
    }
}

fn list(not_run: &[(String, String)]) {
    for (name, why) in not_run {
        say(format_args!("not run  {name}: {why}"));
    }
}
