//! How any target is written to, heard and looked at, on a real Postgres and a real RabbitMQ. All cases share one
//! environment; each has a database and a vhost of its own.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use futures_util::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Trial};
use outbox_harness::servers::shared_lab::SharedLab;
use tokio::time::timeout;

mod heard;
mod ledger;
mod requests;
mod rows;
mod shop;
mod site;
mod transactions;
mod warm_up;
mod wire;

use site::Site;

/// A sentence about the lab, and what shows it.
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

const CASES: [&[Case]; 7] = [
    heard::CASES,
    ledger::CASES,
    requests::CASES,
    rows::CASES,
    transactions::CASES,
    warm_up::CASES,
    wire::CASES,
];

/// Far beyond what any case takes: what is late here hangs.
const CASE_WITHIN: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let lab = match SharedLab::for_tests() {
        Ok(lab) => lab,
        Err(ended) => return ended,
    };
    let trials = CASES
        .iter()
        .copied()
        .flatten()
        .map(|case| trial(&lab, *case));
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    lab.strike();
    conclusion.exit_code()
}

fn trial(lab: &Arc<SharedLab>, (name, case): Case) -> Trial {
    let name = name.split_once("::").map_or(name, |(_, name)| name);
    let shared = lab.clone();
    Trial::test(name, move || {
        let done = shared.perform(async |lab| {
            let site = Arc::new(Site::new(&lab).await?);
            let shown = timeout(CASE_WITHIN, case(site.clone()))
                .await
                .with_context(|| format!("not over within {CASE_WITHIN:?}"));
            let site = Arc::into_inner(site).context("the case still holds its site")?;
            site.clear().await?;
            shown?
        });
        done?.map_err(|error: anyhow::Error| format!("{error:#}").into())
    })
}
