//! The service's statements, and its manners with a broker, on a real Postgres and a real RabbitMQ: what a pure test
//! cannot see and a scenario only meets by chance. All cases share one environment; each has a database and a vhost of its
//! own.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use futures_util::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Trial};
use outbox_harness::{os::environment, servers::backend::Wanted, servers::shared_lab::SharedLab};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

mod address;
mod answers;
mod certificates;
mod claims;
mod client;
mod collector;
mod consumer;
mod dashboard;
mod database;
mod failover;
mod feed;
mod holds;
mod hostile;
mod inbox;
mod line;
mod metrics;
mod own;
mod post;
mod process;
mod redrive;
mod relay;
mod running;
mod schema;
mod site;
mod takeovers;
mod tls;
mod topology;
mod traces;

use site::Site;

/// A sentence about the service, and what shows it.
type Case = (
    &'static str,
    fn(Arc<Site>) -> LocalBoxFuture<'static, anyhow::Result<()>>,
);

/// Names cases after the functions that show them.
#[macro_export]
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub const CASES: &[$crate::Case] = &[$((
            concat!(module_path!(), "::", stringify!($case)),
            |site| Box::pin(async move { $case(&site).await }),
        )),*];
    };
}

const CASES: [&[Case]; 20] = [
    address::CASES,
    answers::CASES,
    claims::CASES,
    consumer::CASES,
    dashboard::CASES,
    database::CASES,
    failover::CASES,
    feed::CASES,
    holds::CASES,
    hostile::CASES,
    inbox::CASES,
    line::CASES,
    metrics::CASES,
    process::CASES,
    redrive::CASES,
    schema::CASES,
    takeovers::CASES,
    tls::CASES,
    topology::CASES,
    traces::CASES,
];

/// Far beyond what any case takes: what is late here hangs.
const CASE_WITHIN: Duration = Duration::from_secs(600);

/// Exit code for settings that cannot be read.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(ended) = outbox_harness::system::as_service() {
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
            return ExitCode::from(USAGE);
        }
    };
    let arguments = Arguments::from_args();
    let labs: Vec<_> = backends
        .into_iter()
        .map(|wanted| Arc::new(SharedLab::new(wanted, CancellationToken::new())))
        .collect();
    let trials = labs.iter().enumerate().flat_map(|(at, lab)| {
        CASES
            .iter()
            .copied()
            .flatten()
            .map(move |case| trial(at, lab, *case))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    for lab in labs {
        lab.strike();
    }
    conclusion.exit_code()
}

fn trial(at: usize, lab: &Arc<SharedLab>, (name, case): Case) -> Trial {
    let name = name.split_once("::").map_or(name, |(_, name)| name);
    let (shown, shared) = (lab.shown(at, name), lab.clone());
    Trial::test(shown, move || {
        let done = shared.perform(async |lab| {
            let site = Arc::new(Site::new(&lab).await?);
            timeout(CASE_WITHIN, case(site.clone()))
                .await
                .with_context(|| format!("not over within {CASE_WITHIN:?}"))??;
            match Arc::into_inner(site) {
                Some(site) => site.clear(&lab).await,
                None => anyhow::bail!("the case still holds its site"),
            }
        });
        done?.map_err(|error| format!("{error:#}").into())
    })
}
