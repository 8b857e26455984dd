//! `lab live`.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{
    Usage,
    on_lab::on_lab,
    outbox::{self, Outbox},
    progress::{self, Progress},
    say,
};
use crate::{
    ask::{fault::Fault, trial::Trial},
    explore::{evidence, stage},
    os::terminal::columns,
    report::{self, Account, LivePage},
    run::{
        live::{
            Live,
            hand::{Hand, Order},
        },
        trial::{self, Beside},
    },
    servers::lab::Lab,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    outbox: Outbox,
    /// Operations a second, until somebody moves the slider.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000), value_name = "N")]
    rate: u32,
    /// And at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N")]
    most: u32,
    /// It ends by itself after so long.
    #[arg(long = "for", default_value = "15m", value_parser = humantime::parse_duration, value_name = "SPAN")]
    span: Duration,
    /// Where the page is served, on this machine alone; any port that is free if not given.
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    port: u16,
}

pub(super) async fn live(args: Args) -> Result<u8> {
    let outbox = &args.outbox;
    let ready = outbox.ready(None).await?;
    let target = &ready.target;
    let most = match target.is_ours() {
        true => args.most,
        false => args.most.min(target.pace.drains.per_second()),
    };
    let story = stage::story(target, most, args.span).map_err(Usage::because)?;
    let (shown, stop) = (Progress::new(1), CancellationToken::new());
    let work = async |lab: Arc<Lab>| {
        let servers = outbox.servers(&lab);
        let cannot = |faults: &[Fault]| servers.cannot(faults);
        let choices = stage::choices(target, &story, cannot);
        let (hand, orders) = Hand::new(choices, stage::obstacle, (args.rate, most), args.span);
        let live = Arc::new(Live::new(Some(hand)));
        let page = LivePage::serve(live.clone(), Some(orders.clone()), args.port).await?;
        shown.line(&format!("open in a browser on this machine: {}", page.url));
        let trial = Trial {
            name: "live".to_owned(),
            target: target.clone(),
            as_shipped: outbox.as_shipped,
            scenario: story,
            left_out: Vec::new(),
            seed: ready.seed,
            repeat_command: outbox.again(&ready, &lab).words("live", ready.seed),
        };
        let folder = evidence::folder(&outbox.runs.folder, &trial.name, ready.seed)?;
        let beside = Beside {
            live: Some(&live),
            ..Beside::default()
        };
        let step = |what: &str| shown.step(what);
        let run = trial::run(&lab, &trial, &folder, &beside, &step);
        let asked_to_end = async {
            stop.cancelled().await;
            // One that cannot be given has been, or the run is over.
            let _ = orders.give(Order::End).await;
            std::future::pending().await
        };
        let summary = tokio::select! {
            summary = run => summary,
            never = asked_to_end => never,
        };
        page.end().await;
        summary
    };
    let done = on_lab(&outbox.servers, &target.needs, &shown, &stop, |_| (), work).await?;
    let verdict = done.found.verdict;
    let files = done.found.folder.display().to_string();
    let accounts = Account::of_stored(vec![done.found.clone()]);
    let whole = outbox.told(|file| report::write_json(file, &accounts));
    for account in &accounts {
        say(report::table(account, progress::coloured(), columns()));
    }
    say(format_args!(
        "files  {files}\n       what was done, to be done again: {files}/scenario.toml; as a page: lab report {files}"
    ));
    let code = outbox::code(verdict.exit_code(), whole);
    Ok(done.code(code)?)
}
