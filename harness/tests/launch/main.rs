//! Targets that the lab did not write are started from their files, on real servers: told their addresses, kept, restarted,
//! stopped, and found out where they go around their edges. This program is also the outbox that is started ([`shop`]).

mod image;
mod refused;
mod shop;
mod stand;
mod started;

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Trial};
use outbox_harness::{
    os::environment,
    servers::{backend::Wanted, lab::Lab, shared_lab::SharedLab},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A case that takes longer has hung.
const CASE_WITHIN: Duration = Duration::from_secs(60);

/// Works in the lab, with a folder of its own.
type Case = fn(Arc<Lab>, &Path) -> stand::Case<'_>;

const CASES: [(&str, Case); 8] = [
    (
        "a_process_is_told_what_its_file_says_and_found_by_each_of_its_roles",
        |lab, folder| Box::pin(started::told(lab, folder)),
    ),
    (
        "who_ends_by_itself_is_started_again_and_who_is_taken_away_is_not",
        |lab, folder| Box::pin(started::revived(lab, folder)),
    ),
    ("a_folder_is_made_anew_unless_it_is_kept", |lab, folder| {
        Box::pin(started::folders(lab, folder))
    }),
    (
        "what_is_set_up_in_the_database_alone_is_done_once_and_copied",
        |lab, folder| Box::pin(started::set_up(lab, folder)),
    ),
    (
        "settings_for_the_laboratory_are_laid_over_unless_as_shipped",
        |lab, folder| Box::pin(started::laboratory(lab, folder)),
    ),
    ("who_goes_around_an_edge_is_named", |lab, folder| {
        Box::pin(refused::around(lab, folder))
    }),
    ("an_edge_over_which_nothing_goes_is_named", |lab, folder| {
        Box::pin(refused::unused(lab, folder))
    }),
    ("what_is_not_there_is_told_in_a_line", |lab, folder| {
        Box::pin(refused::missing(lab, folder))
    }),
];

fn main() -> ExitCode {
    if let Some(ended) = shop::as_shop() {
        return ended;
    }
    if let Err(error) = environment::clean() {
        eprintln!("starting again without variables that steer servers: {error}");
        return ExitCode::FAILURE;
    }
    let backends = match Wanted::from_environment() {
        Ok(backends) => backends,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let labs: Vec<_> = backends
        .into_iter()
        .map(|wanted| Arc::new(SharedLab::new(wanted, CancellationToken::new())))
        .collect();
    let trials = labs.iter().enumerate().flat_map(|(at, lab)| {
        let started = CASES.map(|(name, case)| trial(lab.shown(at, name), lab, case));
        started
            .into_iter()
            .chain([image(&lab.shown(at, IMAGE), lab)])
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    for lab in labs {
        lab.strike();
    }
    conclusion.exit_code()
}

const IMAGE: &str = "a_container_is_a_process_like_any_other";

fn image(name: &str, lab: &Arc<SharedLab>) -> Trial {
    match image::cannot() {
        Some(why) => Trial::test(format!("{name} ({why})"), || Ok(())).with_ignored_flag(true),
        None => trial(name.to_owned(), lab, |lab, folder| {
            Box::pin(image::contained(lab, folder))
        }),
    }
}

fn trial(name: String, lab: &Arc<SharedLab>, case: Case) -> Trial {
    let shared = lab.clone();
    Trial::test(name, move || {
        let done: Result<Result<()>, String> = shared.perform(async |lab| {
            let folder = tempfile::tempdir()?;
            timeout(CASE_WITHIN, case(lab, folder.path()))
                .await
                .with_context(|| format!("not over within {CASE_WITHIN:?}"))?
        });
        done?.map_err(|error| format!("{error:#}").into())
    })
}
