//! `lab run`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};

use super::{NO_LAB, Scenarios, Usage, progress, unless_interrupted};
use crate::{
    backend::Wanted,
    fault::Fault,
    lab::Lab,
    report::{self, RunSummary},
    suite::{self, Case},
    trial::Trial,
    verdict::Verdict,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenarios by name ("recovery/broker_back"), by folder ("recovery"), or as files; all if none is named.
    names: Vec<String>,
    #[command(flatten)]
    scenarios: Scenarios,
    /// Seeds the bids; the same seed makes the same ones. Chosen and printed if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Run each scenario so many times, each with the next seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    repeat: u64,
    /// Keep the folders of green runs, too.
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

/// Reports for machines.
#[derive(Debug, clap::Args)]
pub(super) struct Reports {
    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Reports {
    /// Prints the table, writes the files, and says how the process should exit.
    pub fn write(&self, summaries: &[RunSummary]) -> Result<u8> {
        println!("{}", report::table(summaries, progress::coloured()));
        if let Some(file) = &self.json {
            report::write_json(file, summaries)?;
        }
        if let Some(file) = &self.junit {
            report::write_junit(file, summaries)?;
        }
        Ok(Verdict::worst(summaries.iter().map(|summary| summary.verdict)).exit_code())
    }
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let Chosen { cases, not_run } = chosen(&args).map_err(Usage::because)?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    if cases.is_empty() {
        list(&not_run);
        return Ok(NO_LAB);
    }
    let trials = trials(&args, &cases, seed);
    std::fs::create_dir_all(&args.runs)
        .with_context(|| format!("making {} (another --runs?)", args.runs.display()))?;
    eprintln!(
        "seed {seed}; {} runs, {} side by side",
        trials.len(),
        suite::SIDE_BY_SIDE
    );
    let shown = Arc::new(progress::Progress::new(trials.len()));
    let boot = Lab::start(&args.servers, |line| shown.line(line));
    let lab = Arc::new(unless_interrupted(boot).await?);
    let runs = suite::run(lab.clone(), trials, &args.runs, args.keep, shown.clone());
    let summaries = unless_interrupted(runs).await;
    lab.end().await?;
    shown.finish();
    let code = args.reports.write(&summaries?)?;
    list(&not_run);
    let asked_for = not_run
        .iter()
        .any(|(case, _)| args.names.contains(&case.name));
    Ok(if asked_for { NO_LAB } else { code })
}

/// What is to be run, and what cannot be run here and why.
struct Chosen {
    cases: Vec<Case>,
    not_run: Vec<(Case, String)>,
}

fn list(not_run: &[(Case, String)]) {
    for (case, why) in not_run {
        println!("not run  {}: {why}", case.name);
    }
}

fn trials(args: &Args, cases: &[Case], seed: u64) -> Vec<Trial> {
    (0..args.repeat)
        .flat_map(|round| {
            cases
                .iter()
                .map(move |case| (case, seed.wrapping_add(round)))
        })
        .map(|(case, seed)| Trial {
            name: case.name.clone(),
            scenario: case.scenario.clone(),
            seed,
            repeat_command: format!("cargo lab run {} --seed {seed}", case.name),
        })
        .collect()
}

fn chosen(args: &Args) -> Result<Chosen> {
    let mut chosen = Chosen {
        cases: Vec::new(),
        not_run: Vec::new(),
    };
    for case in named(args)? {
        match args.servers.cannot(&Fault::all(&case.scenario)?) {
            Some(why) => chosen.not_run.push((case, why)),
            None => chosen.cases.push(case),
        }
    }
    Ok(chosen)
}

fn named(args: &Args) -> Result<Vec<Case>> {
    if args.names.is_empty() {
        return suite::cases(&args.scenarios.folder);
    }
    let mut chosen = Vec::new();
    for name in &args.names {
        if Path::new(name).is_file() {
            chosen.push(suite::case(Path::new(name))?);
            continue;
        }
        let folder = name.trim_end_matches('/');
        let before = chosen.len();
        let known = suite::cases(&args.scenarios.folder)?;
        chosen.extend(
            known
                .into_iter()
                .filter(|case| case.name == folder || case.name.starts_with(&format!("{folder}/"))),
        );
        if chosen.len() == before {
            bail!("no scenario, folder or file {name:?}; `lab list` shows what there is");
        }
    }
    Ok(chosen)
}

/// Small enough to type again.
fn fresh_seed() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs() & 0xffff_ffff
}
