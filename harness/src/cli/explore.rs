//! `lab explore`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{
    NO_LAB,
    again::FOUND,
    default_scenarios,
    on_lab::on_lab,
    outbox::{self, Outbox},
    progress::Progress,
    say,
};
use crate::{
    ask::fault::Fault,
    explore::{
        campaign::{Campaign, Explored},
        suite::{self, Manner},
    },
    report,
    servers::lab::Lab,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    outbox: Outbox,
    /// After so long nothing new is begun.
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    budget: Duration,
    /// Each of those that are red is made small within so long.
    #[arg(long, default_value = "3m", value_parser = humantime::parse_duration)]
    shrink_within: Duration,
    /// Where what is found is kept, each as a scenario with its plan.
    #[arg(long, value_name = "FOLDER", default_value_os_t = default_scenarios().join(FOUND))]
    found: PathBuf,
    /// Run so many at once.
    #[arg(long, value_name = "N", default_value_t = suite::SIDE_BY_SIDE as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Keep the folders of all runs.
    #[arg(long)]
    keep: bool,
}

pub(super) async fn explore(args: Args) -> Result<u8> {
    let outbox = &args.outbox;
    let ready = outbox.ready(None).await?;
    let (shown, stop) = (Arc::new(Progress::new(0)), CancellationToken::new());
    let work = async |lab: Arc<Lab>| {
        let again = outbox.again(&ready, &lab);
        let servers = outbox.servers(&lab);
        let campaign = Campaign {
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
            shrink_within: args.shrink_within,
            found: args.found.clone(),
            cannot: Arc::new(move |faults: &[Fault]| servers.cannot(faults)),
            again: Arc::new(move |file, seed| again.of_found(file, seed)),
        };
        campaign.run(shown.clone()).await
    };
    let needs = &ready.target.needs;
    let done = on_lab(&outbox.servers, needs, &shown, &stop, |_| (), work).await?;
    let explored = &done.found;
    let whole = outbox.told(|file| report::write_explored(file, explored));
    say(report::explored(explored).trim_end());
    let code = outbox::code(code(explored), whole);
    Ok(done.code(code)?)
}

/// Red is red, however seldom; who bit nothing has shown nothing, nor has who could mostly not say what he saw.
fn code(explored: &Explored) -> u8 {
    match () {
        () if !explored.found.is_empty() => 1,
        () if !explored.broken.is_empty() || explored.stopped.is_some() => NO_LAB,
        () if explored.covered.cells.bitten == 0 => 3,
        () if explored.ended.unknown > explored.ended.pass => 3,
        () => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::campaign::{
        Ended, Found,
        coverage::{Covered, Part},
    };

    /// What was explored with so much that bit.
    fn explored(bitten: usize) -> Explored {
        let part = Part {
            bitten,
            tried: 5,
            of: 9,
        };
        Explored {
            covered: Covered {
                places: part,
                cells: part,
                pairs: part,
                phases: Default::default(),
                never_bitten: Vec::new(),
            },
            not_drawn: Vec::new(),
            ended: Ended::default(),
            found: Vec::new(),
            broken: Vec::new(),
            stopped: None,
            seed: 7,
            took_ms: 1,
        }
    }

    #[test]
    fn what_is_red_goes_before_a_lab_that_broke_and_that_before_nothing_that_bit() {
        assert_eq!(code(&explored(4)), 0);
        assert_eq!(code(&explored(0)), 3);
        let mut unknown = explored(4);
        unknown.ended.unknown = 2;
        assert_eq!(code(&unknown), 3);
        let mut broken = explored(0);
        broken.broken.push("the disk is full".to_owned());
        assert_eq!(code(&broken), NO_LAB);
        broken.found.push(Found {
            checkers: vec!["loss".to_owned()],
            why: String::new(),
            story: String::new(),
            folder: PathBuf::new(),
            others: 0,
            least: None,
            told: String::new(),
            file: None,
        });
        assert_eq!(code(&broken), 1);
    }

    #[test]
    fn exploring_that_could_not_go_on_has_not_gone_well() {
        let mut stopped = explored(4);
        stopped.stopped = Some("nothing more can be drawn".to_owned());
        assert_eq!(code(&stopped), NO_LAB);
    }
}
