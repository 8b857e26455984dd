//! The service's statements, and its manners with a broker, on a real Postgres and a real RabbitMQ: what a pure test
//! cannot see and a scenario only meets by chance. All cases share one environment; each has a database and a vhost of its
//! own.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock},
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
mod metrics;
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

const CASES: [&[Case]; 10] = [
    claims::CASES,
    consumer::CASES,
    database::CASES,
    feed::CASES,
    holds::CASES,
    inbox::CASES,
    metrics::CASES,
    redrive::CASES,
    takeovers::CASES,
    topology::CASES,
];

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
    let stages: Vec<_> = backends.into_iter().map(Stage::new).map(Arc::new).collect();
    let trials = stages.iter().enumerate().flat_map(|(at, stage)| {
        CASES
            .iter()
            .copied()
            .flatten()
            .map(move |case| trial(at, stage, case))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    for stage in stages {
        stage.strike();
    }
    conclusion.exit_code()
}

/// A case on a backend. Those of the first one carry no name of it.
fn trial(at: usize, stage: &Arc<Stage>, (name, case): &Case) -> Trial {
    let name = name.split_once("::").map_or(*name, |(_, name)| name);
    let shown = match at {
        0 => name.to_owned(),
        _ => format!("{}::{name}", stage.wanted.backend.name()),
    };
    let (stage, case) = (stage.clone(), *case);
    Trial::test(shown, move || stage.perform(case))
}

/// The environment, booted by the first case.
struct Stage {
    wanted: Wanted,
    set: OnceLock<Result<Set, String>>,
}

struct Set {
    runtime: Runtime,
    lab: Mutex<Option<Arc<Lab>>>,
}

impl Stage {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            set: OnceLock::new(),
        }
    }

    fn perform(
        &self,
        case: fn(Arc<Site>) -> LocalBoxFuture<'static, anyhow::Result<()>>,
    ) -> Result<(), Failed> {
        let Set { runtime, lab } = self
            .set
            .get_or_init(|| boot(&self.wanted).map_err(|error| format!("{error:#}")))
            .as_ref()?;
        let lab = lab
            .lock()
            .expect("no case panics under this lock")
            .clone()
            .ok_or("the environment is gone")?;
        let done: anyhow::Result<()> = runtime.block_on(async {
            let site = Arc::new(Site::new(&lab).await?);
            case(site.clone()).await?;
            match Arc::into_inner(site) {
                Some(site) => site.clear(&lab).await,
                None => anyhow::bail!("the case still holds its site"),
            }
        });
        done.map_err(|error| format!("{error:#}").into())
    }

    /// Ends the environment here: a case that was cut off may still hold it.
    fn strike(&self) {
        let Some(Ok(Set { runtime, lab })) = self.set.get() else {
            return;
        };
        let _inside = runtime.enter();
        let lab = lab.lock().expect("no case panics under this lock").take();
        if let Some(Err(error)) = lab.map(|lab| runtime.block_on(lab.end())) {
            eprintln!("something may be left on the servers: {error:#}");
        }
    }
}

fn boot(wanted: &Wanted) -> anyhow::Result<Set> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let lab = runtime.block_on(Lab::start(wanted, |line| eprintln!("{line}")))?;
    Ok(Set {
        runtime,
        lab: Mutex::new(Some(Arc::new(lab))),
    })
}
