//! `lab sweep`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::{
    NO_LAB, Runs, USAGE, Usage,
    again::Again,
    installed::installed,
    named,
    on_lab::on_lab,
    progress::{self, Progress},
    say, tell, unless_interrupted,
};
use crate::{
    ask::{party, scenario::System, seed, target::Target, target::built_in},
    explore::{
        suite::{Manner, Observer},
        sweep::{Known, NoSurvey, Outcome, Surveyed, Sweep, Swept, Watcher},
    },
    os::terminal::columns,
    report,
    servers::{backend::Wanted, lab::Lab},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only these messages: by event ("commit", "handshake reply"), or by a part of their fingerprints.
    names: Vec<String>,
    /// The outbox that is judged: a target file, or the name of one that is part of the lab.
    #[arg(long, env = "LAB_TARGET", default_value = built_in::OURS, value_name = "FILE|NAME")]
    target: String,
    /// Leave the settings of the target's [laboratory] out.
    #[arg(long)]
    as_shipped: bool,
    /// Only this edge, such as "relay -> rabbitmq"; may be said several times.
    #[arg(long = "edge", value_name = "EDGE")]
    edges: Vec<String>,
    /// After so long nothing new is begun; what is red is tried alone for half as long again.
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    budget: Duration,
    /// Only list what passes, and how each kind is made to come.
    #[arg(long)]
    dry: bool,
    /// Seeds the operations of the first run; each other has the next. Chosen and printed if not given.
    #[arg(long, env = seed::VARIABLE)]
    seed: Option<u64>,
    /// Run so many at once.
    #[arg(long, value_name = "N", default_value_t = crate::explore::suite::SIDE_BY_SIDE as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Keep the folders of green runs, too.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    runs: Runs,
    /// Write all that was found as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the verdict per message and way as a table in Markdown.
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    #[command(flatten)]
    servers: Wanted,
}

pub(super) async fn sweep(args: Args) -> Result<u8> {
    let named = named::one(&args.target).map_err(Usage::because)?;
    let edges = edges(&args.edges).map_err(Usage::because)?;
    for file in args.json.iter().chain(&args.matrix) {
        report::can_be_written(file).map_err(Usage::said)?;
    }
    args.runs.can_be_kept()?;
    unless_interrupted(installed(&named, |line| tell(line))).await?;
    let seed = args.seed.unwrap_or_else(seed::fresh);
    tell(format_args!("seed {seed}; {} side by side", args.jobs));
    let target = Arc::new(named.target.clone().at_its_pace(args.as_shipped));
    let shown = Arc::new(Shown(Progress::new(0)));
    let stop = CancellationToken::new();
    let work = async |lab: Arc<Lab>| {
        let again = Again::of(&named.by, args.as_shipped, &lab, &args.servers);
        let sweep = Sweep {
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
            again: Arc::new(move |file, seed| again.command(file, seed)),
        };
        perform(&args, &edges, &sweep, &shown).await
    };
    let done = on_lab(&args.servers, &target.needs, &shown.0, &stop, work).await;
    let (code, removed) = done?;
    removed.map(|()| code)
}

/// Edges as scenarios write them.
fn edges(asked: &[String]) -> Result<Vec<String>> {
    let edge = |asked: &String| {
        let (from, to) = party::edge(asked, &System::default()).map_err(anyhow::Error::msg)?;
        if from.number.or(to.number).is_some() {
            bail!(
                "{asked:?} names one process; a sweep is of an edge, such as \"api -> postgres\""
            );
        }
        Ok(format!("{} -> {}", from.role.name(), to.role.name()))
    };
    asked.iter().map(edge).collect()
}

async fn perform(args: &Args, edges: &[String], sweep: &Sweep, shown: &Arc<Shown>) -> Result<u8> {
    shown.0.step("listing what passes: nothing is broken, then each connection is cut, then each process restarted");
    let Surveyed { kinds, unnamed } = match sweep.survey(&**shown).await {
        Ok(surveyed) => surveyed,
        Err(NoSurvey::Red(run)) => {
            tell(format_args!("lab: {}", NoSurvey::Red(run.clone())));
            tell(format_args!("files  {}", run.folder.display()));
            return Ok(1);
        }
        Err(error) => return Err(error.into()),
    };
    for edge in unnamed {
        shown.0.line(&format!(
            "not swept: {edge}, which no role of a scenario opens"
        ));
    }
    let seen = kinds.len();
    let kinds: Vec<Known> = kinds
        .into_iter()
        .filter(|known| is_meant(known, edges, &args.names))
        .collect();
    if kinds.is_empty() {
        tell(format_args!(
            "lab: none of the {seen} kinds of messages that passed is meant; `cargo lab sweep --dry` lists them"
        ));
        return Ok(USAGE);
    }
    if args.dry {
        shown.0.finish();
        let whole = match &args.json {
            Some(file) => written(report::sweep::write_kinds(file, &kinds)),
            None => true,
        };
        say(report::sweep::list(&kinds, columns()));
        return Ok(if whole { 0 } else { NO_LAB });
    }
    let swept = sweep.run(kinds, shown.clone()).await?;
    shown.0.finish();
    let mut whole = true;
    if let Some(file) = &args.json {
        whole &= written(report::sweep::write_json(file, &swept));
    }
    if let Some(file) = &args.matrix {
        whole &= written(report::sweep::write_matrix(
            file,
            &title(&sweep.target),
            &swept,
        ));
    }
    say(report::sweep::table(
        &swept,
        progress::coloured(),
        columns(),
    ));
    Ok(match code(&swept) {
        0 if !whole => NO_LAB,
        code => code,
    })
}

fn title(target: &Target) -> String {
    match &target.version {
        Some(version) => format!("{} {version}", target.name),
        None => target.name.clone(),
    }
}

fn written(written: Result<(), report::ReportError>) -> bool {
    if let Err(problem) = &written {
        tell(format_args!("lab: {problem}"));
    }
    written.is_ok()
}

fn is_meant(known: &Known, edges: &[String], names: &[String]) -> bool {
    let kind = &known.kind;
    let named = |name: &String| {
        name == kind.event.name() || kind.fingerprint.contains(&name.to_lowercase())
    };
    (edges.is_empty() || edges.contains(&kind.edge))
        && (names.is_empty() || names.iter().any(named))
}

/// Red is red, also where it was so only once or only with others; who left something out for lack of time, or cut nothing, has not
/// shown what was asked for.
fn code(swept: &Swept) -> u8 {
    let has = |wanted: fn(&Outcome) -> bool| swept.cells.iter().any(|cell| wanted(&cell.outcome));
    let red = |outcome: &Outcome| {
        matches!(
            outcome,
            Outcome::Red { .. } | Outcome::Once { .. } | Outcome::Together { .. }
        )
    };
    match () {
        () if has(red) => 1,
        () if !swept.broken.is_empty() => NO_LAB,
        () if swept.cuts == 0 || has(|outcome| *outcome == Outcome::LeftOut) => 3,
        () => 0,
    }
}

/// What is shown while it goes on.
struct Shown(Progress);

impl Observer for Shown {
    fn stage(&self, name: &str, stage: &str) {
        self.0.stage(name, stage);
    }
}

impl Watcher for Shown {
    fn ended(&self, name: &str, line: &str) {
        self.0.ended(name, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_named_as_a_whole() {
        let said = |edge: &str| edges(&[edge.to_owned()]).map_err(|error| error.to_string());
        assert_eq!(said("relay->rabbitmq").unwrap(), ["relay -> rabbitmq"]);
        assert!(
            said("relay 1 -> rabbitmq")
                .unwrap_err()
                .contains("one process")
        );
        assert!(
            said("relay -> rabitmq")
                .unwrap_err()
                .contains("did you mean")
        );
    }
}
