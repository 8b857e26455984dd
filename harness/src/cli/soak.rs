//! `lab soak`.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use humantime::format_duration;
use tokio_util::sync::CancellationToken;

use super::{
    Interrupted, Usage,
    on_lab::on_lab,
    outbox::{self, Outbox},
    progress::Progress,
    say,
};
use crate::{
    ask::{fault::Fault, trial::Trial},
    explore::{
        evidence,
        soak::{self, Asked},
    },
    judge::survival::growth::LEAST,
    report,
    run::{
        soak::{Window, Windows},
        trial::{self, Beside},
    },
    servers::lab::Lab,
};

/// What judging may take for each window that has gone by: everything until then is read once more.
const REST_WITHIN: Duration = Duration::from_secs(120);
/// No window is shorter: whatever a fault does must have time to be over.
const SHORTEST: Duration = Duration::from_secs(10);
/// How many there are, where nobody says.
const WINDOWS: u64 = 12;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    outbox: Outbox,
    /// For how long load and faults go on, rests not counted.
    #[arg(long = "for", default_value = "1h", value_parser = humantime::parse_duration, value_name = "SPAN")]
    span: Duration,
    /// After so long everything comes to rest, and all until then is judged; a twelfth of it all, ten
    /// seconds at least, if not given.
    #[arg(long, value_parser = humantime::parse_duration, value_name = "SPAN")]
    window: Option<Duration>,
    /// Operations a second. Every one of them stays in the history.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N")]
    rate: u32,
}

impl Args {
    fn window(&self) -> Duration {
        let twelfth = self.span.as_secs().div_ceil(WINDOWS);
        let own = self.window.unwrap_or(Duration::from_secs(twelfth));
        own.max(SHORTEST)
    }

    /// How many windows there are; the last one has what is left.
    fn windows(&self) -> Result<u32> {
        if self.window.is_some_and(|asked| asked < SHORTEST) {
            bail!("--window is {} at least", format_duration(SHORTEST));
        }
        let window = self.window();
        let windows = self.span.as_millis() / window.as_millis();
        if windows < LEAST as u128 {
            bail!(
                "--for {} has {windows} windows of {}; whether anything grows is told by {LEAST} of them at least",
                format_duration(self.span),
                format_duration(window)
            );
        }
        Ok(u32::try_from(windows)?)
    }

    /// What is said after `cargo lab` to have the same.
    fn words(&self) -> String {
        let span = |span| format_duration(span).to_string().replace(' ', "");
        let (long, window) = (span(self.span), span(self.window()));
        format!("soak --for {long} --window {window} --rate {}", self.rate)
    }
}

pub(super) async fn soak(args: Args) -> Result<u8> {
    let outbox = &args.outbox;
    let count = args.windows().map_err(Usage::because)?;
    let ready = outbox.ready(None).await?;
    let target = &ready.target;
    let asked = Asked::of(target, args.span, args.rate).map_err(Usage::because)?;
    let (shown, stop) = (Progress::new(count as usize), CancellationToken::new());
    let work = async |lab: Arc<Lab>| {
        let servers = outbox.servers(&lab);
        let cannot = |faults: &[Fault]| servers.cannot(faults);
        let trial = Trial {
            name: "soak".to_owned(),
            target: target.clone(),
            as_shipped: outbox.as_shipped,
            scenario: soak::drawn(target, cannot, asked, ready.seed)?,
            left_out: Vec::new(),
            seed: ready.seed,
            repeat_command: outbox.again(&ready, &lab).words(&args.words(), ready.seed),
        };
        let folder = evidence::folder(&outbox.runs.folder, &trial.name, ready.seed)?;
        shown.line(&trial.scenario.story);
        let judged = |window: &Window| {
            shown.advance();
            shown.line(&report::window(window));
        };
        let windows = Windows {
            count,
            length: args.window(),
            rest_within: REST_WITHIN,
            judged: &judged,
        };
        let step = |what: &str| shown.step(what);
        let beside = Beside {
            windows: Some(&windows),
            ..Beside::default()
        };
        let run = trial::run(&lab, &trial, &folder, &beside, &step);
        tokio::select! {
            summary = run => summary,
            () = stop.cancelled() => {
                shown.line(&format!("files  {}", folder.display()));
                Err(Interrupted::Clean.into())
            }
        }
    };
    let done = on_lab(&outbox.servers, &target.needs, &shown, &stop, |_| (), work).await?;
    let summary = &done.found;
    let whole = outbox.told(|file| report::write_soaked(file, summary));
    say(report::soaked(summary).trim_end());
    let code = outbox::code(summary.verdict.exit_code(), whole);
    Ok(done.code(code)?)
}
