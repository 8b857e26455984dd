//! `lab sweep`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::{
    NO_LAB, USAGE, Usage,
    on_lab::on_lab,
    outbox::{self, Outbox, written},
    progress::{self, Progress},
    say, tell,
};
use crate::{
    ask::{party, scenario::System, target::Target},
    explore::{
        suite::{Manner, SIDE_BY_SIDE},
        sweep::{Known, NoSurvey, Outcome, Surveyed, Sweep, Swept},
    },
    os::terminal::columns,
    report,
    servers::lab::Lab,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only these messages: by event ("commit", "handshake reply"), or by a part of their fingerprints.
    names: Vec<String>,
    #[command(flatten)]
    outbox: Outbox,
    /// Only this edge, such as "relay -> rabbitmq"; may be said several times.
    #[arg(long = "edge", value_name = "EDGE")]
    edges: Vec<String>,
    /// After so long nothing new is begun; what is red is tried alone for half as long again.
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    budget: Duration,
    /// Only list what passes, and how each kind is made to come.
    #[arg(long)]
    dry: bool,
    /// Run so many at once.
    #[arg(long, value_name = "N", default_value_t = SIDE_BY_SIDE as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Keep the folders of green runs, too.
    #[arg(long)]
    keep: bool,
    /// Write the verdict per message and way as a table in Markdown.
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
}

pub(super) async fn sweep(args: Args) -> Result<u8> {
    let outbox = &args.outbox;
    let edges = edges(&args.edges).map_err(Usage::because)?;
    let ready = outbox.ready(args.matrix.as_ref()).await?;
    let shown = Arc::new(Progress::new(0));
    let stop = CancellationToken::new();
    let work = async |lab: Arc<Lab>| {
        let again = outbox.again(&ready, &lab);
        let sweep = Sweep {
            lab,
            target: ready.target.clone(),
            as_shipped: outbox.as_shipped,
            manner: Manner {
                runs: outbox.runs.folder.clone(),
                keep: args.keep,
                side_by_side: args.jobs as usize,
                stop: stop.clone(),
            },
            seed: ready.seed,
            budget: args.budget,
            again: Arc::new(move |file, seed| again.command(file, seed)),
        };
        perform(&args, &edges, &sweep, &shown).await
    };
    let needs = &ready.target.needs;
    let done = on_lab(&outbox.servers, needs, &shown, &stop, |_| (), work).await?;
    let code = done.found;
    Ok(done.code(code)?)
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

async fn perform(
    args: &Args,
    edges: &[String],
    sweep: &Sweep,
    shown: &Arc<Progress>,
) -> Result<u8> {
    shown.step("listing what passes: nothing is broken, then each connection is cut, then each process restarted");
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
        shown.line(&format!(
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
        shown.finish();
        let whole = args
            .outbox
            .told(|file| report::sweep::write_kinds(file, &kinds));
        say(report::sweep::list(&kinds, columns()));
        return Ok(outbox::code(0, whole));
    }
    let swept = sweep.run(kinds, shown.clone()).await?;
    shown.finish();
    let mut whole = args
        .outbox
        .told(|file| report::sweep::write_json(file, &swept));
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
    Ok(outbox::code(code(&swept), whole))
}

fn title(target: &Target) -> String {
    match &target.version {
        Some(version) => format!("{} {version}", target.name),
        None => target.name.clone(),
    }
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
