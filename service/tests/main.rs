//! The service's statements, and its manners with a broker, on a real Postgres and a real RabbitMQ: what a pure test
//! cannot see and a scenario only meets by chance. All cases share one environment; each has a database and a vhost of its
//! own.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use futures_util::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use outbox_harness::{backend::Wanted, environment, lab::Lab};
use tokio::runtime::Runtime;

mod claims;
mod client;
mod consumer;
mod database;
mod feed;
mod holds;
mod inbox;
mod post;
mod redrive;
mod relay;
mod running;
mod site;
mod takeovers;
mod topology;

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

fn main() -> ExitCode {
    if let Some(ended) = outbox_harness::system::as_service() {
        return ended;
    }
    if let Err(error) = environment::clean() {
        eprintln!("starting again without variables that steer servers: {error}");
        return ExitCode::FAILURE;
    }
    let stage = Arc::new(Stage::default());
    let arguments = Arguments::from_args();
    let cases = [
        claims::CASES,
        consumer::CASES,
        database::CASES,
        feed::CASES,
        holds::CASES,
        inbox::CASES,
        redrive::CASES,
        takeovers::CASES,
        topology::CASES,
    ];
    let trials = cases.into_iter().flatten().map(|(name, case)| {
        let stage = stage.clone();
        let name = name.split_once("::").map_or(*name, |(_, name)| name);
        Trial::test(name, move || stage.perform(*case))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if let Some(Ok((runtime, lab))) = Arc::into_inner(stage).and_then(|stage| stage.0.into_inner())
    {
        let _inside = runtime.enter();
        drop(lab);
    }
    conclusion.exit_code()
}

/// The environment, booted by the first case.
#[derive(Default)]
struct Stage(OnceLock<Result<(Runtime, Arc<Lab>), String>>);

impl Stage {
    fn perform(
        &self,
        case: fn(Arc<Site>) -> LocalBoxFuture<'static, anyhow::Result<()>>,
    ) -> Result<(), Failed> {
        let (runtime, lab) = self
            .0
            .get_or_init(|| boot().map_err(|error| format!("{error:#}")))
            .as_ref()?;
        let done: anyhow::Result<()> = runtime.block_on(async {
            let site = Arc::new(Site::new(lab).await?);
            case(site.clone()).await?;
            match Arc::into_inner(site) {
                Some(site) => site.clear(lab).await,
                None => anyhow::bail!("the case still holds its site"),
            }
        });
        done.map_err(|error| format!("{error:#}").into())
    }
}

fn boot() -> anyhow::Result<(Runtime, Arc<Lab>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let wanted = Wanted::from_environment()?
        .into_iter()
        .next()
        .unwrap_or_else(Wanted::native);
    let lab = runtime.block_on(Lab::start(&wanted, |line| eprintln!("{line}")))?;
    Ok((runtime, Arc::new(lab)))
}
