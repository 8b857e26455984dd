//! `lab soak`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::{
    NO_LAB, Runs, Usage, installed::installed, named, on_lab::on_lab, progress::Progress, say,
    tell, unless_interrupted,
};
use crate::{
    ask::{fault::Fault, seed, target::built_in, trial::Trial},
    explore::{evidence, soak},
    judge::{summary::RunSummary, verdict::Verdict},
    report,
    run::{
        soak::{Window, Windows},
        trial,
    },
    servers::{backend::Wanted, lab::Lab},
};

/// What judging a window may take: everything until then is read once more.
const REST_WITHIN: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The outbox that is judged: a target file, or the name of one that is part of the lab.
    #[arg(long, env = "LAB_TARGET", default_value = built_in::OURS, value_name = "FILE|NAME")]
    target: String,
    /// Leave the settings of the target's [laboratory] out.
    #[arg(long)]
    as_shipped: bool,
    /// For how long load and faults go on, rests not counted.
    #[arg(long = "for", default_value = "1h", value_parser = humantime::parse_duration, value_name = "SPAN")]
    span: Duration,
    /// After so long everything comes to rest, and all until then is judged.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration, value_name = "SPAN")]
    window: Duration,
    /// Operations a second. Every one of them stays in the history.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N")]
    rate: u32,
    /// Seeds operations and faults. Chosen and printed if not given.
    #[arg(long, env = seed::VARIABLE)]
    seed: Option<u64>,
    #[command(flatten)]
    runs: Runs,
    /// Write what was found, window by window, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    servers: Wanted,
}

impl Args {
    /// How many windows there are.
    fn windows(&self) -> Result<u32> {
        let (span, window) = (self.span.as_secs(), self.window.as_secs());
        if window < 10 || window > span {
            bail!("--window is 10s at least, and no longer than --for");
        }
        Ok(u32::try_from(span.div_ceil(window))?)
    }

    fn again(&self, seed: u64, lab: &Lab) -> String {
        let mut command = format!(
            "cargo lab soak --for {} --window {} --rate {} --seed {seed} --backend {}",
            humantime::format_duration(self.span)
                .to_string()
                .replace(' ', ""),
            humantime::format_duration(self.window)
                .to_string()
                .replace(' ', ""),
            self.rate,
            lab.backend().name()
        );
        if self.target != built_in::OURS {
            command.push_str(&format!(" --target {}", self.target));
        }
        if self.as_shipped {
            command.push_str(" --as-shipped");
        }
        command
    }
}

pub(super) async fn soak(args: Args) -> Result<u8> {
    let named = named::one(&args.target).map_err(Usage::because)?;
    let count = args.windows().map_err(Usage::because)?;
    if let Some(file) = &args.json {
        report::can_be_written(file).map_err(Usage::said)?;
    }
    args.runs.can_be_kept()?;
    unless_interrupted(installed(&named, |line| tell(line))).await?;
    let seed = args.seed.unwrap_or_else(seed::fresh);
    tell(format_args!("seed {seed}; {count} windows"));
    let target = Arc::new(named.target.clone().at_its_pace(args.as_shipped));
    let (shown, stop) = (Progress::new(count as usize), CancellationToken::new());
    let work = async |lab: Arc<Lab>| {
        let servers = Wanted {
            backend: lab.backend(),
            details: args.servers.details.clone(),
        };
        let asked = soak::Asked {
            span: args.span,
            rate: args.rate,
        };
        let cannot = |faults: &[Fault]| servers.cannot(faults);
        let trial = Trial {
            name: "soak".to_owned(),
            target: target.clone(),
            as_shipped: args.as_shipped,
            scenario: soak::drawn(&target, cannot, asked, seed)?,
            left_out: Vec::new(),
            seed,
            repeat_command: args.again(seed, &lab),
        };
        let folder = evidence::folder(&args.runs.folder, &trial.name, seed)?;
        shown.line(&trial.scenario.story);
        let judged = |window: &Window| {
            shown.over("");
            shown.line(&report::window(window));
        };
        let windows = Windows {
            count,
            length: args.window,
            rest_within: REST_WITHIN,
            judged: &judged,
        };
        let step = |what: &str| shown.step(what);
        let run = trial::in_windows(&lab, &trial, &folder, None, Some(&windows), &step);
        tokio::select! {
            summary = run => summary,
            () = stop.cancelled() => bail!("what was recorded until then is in {}", folder.display()),
        }
    };
    let (summary, removed) = on_lab(&args.servers, &target.needs, &shown, &stop, work).await?;
    let mut whole = true;
    if let Some(file) = &args.json
        && let Err(problem) = report::write_soaked(file, &summary)
    {
        tell(format_args!("lab: {problem}"));
        whole = false;
    }
    say(report::soaked(&summary).trim_end());
    removed?;
    Ok(match code(&summary) {
        0 if !whole => NO_LAB,
        code => code,
    })
}

/// A fault that met nothing makes no hour vacuous; an hour in which none met anything is.
fn code(summary: &RunSummary) -> u8 {
    match summary.verdict {
        Verdict::Pass => 0,
        Verdict::Vacuous if report::bit(summary) > 0 => 0,
        Verdict::Vacuous | Verdict::Unknown => 3,
        Verdict::Fail => 1,
        Verdict::Error => NO_LAB,
    }
}
