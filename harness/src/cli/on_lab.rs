//! A lab for as long as a command takes.

use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{Interrupted, progress::Progress, unless_interrupted, until_interrupted};
use crate::{
    ask::target::need::Need,
    servers::{backend::Wanted, lab::Lab, needs},
};

/// Starts a lab, does `work` on it if it has what is needed, and ends it. Whether that went well is told beside what was done:
/// whatever is left on the servers, what was found stands.
///
/// # Errors
/// When there is no such lab, when the work fails, or when Ctrl-C or SIGTERM comes, which has `stop` ask the work to end.
pub(super) async fn on_lab<T>(
    wanted: &Wanted,
    needed: &[Need],
    shown: &Progress,
    stop: &CancellationToken,
    work: impl AsyncFnOnce(Arc<Lab>) -> Result<T>,
) -> Result<(T, Result<()>)> {
    let plugins = needs::plugins(needed);
    let boot = Lab::start_with(wanted, &plugins, |line| shown.line(line));
    let lab = Arc::new(unless_interrupted(boot).await?);
    let work = async {
        needs::check(&lab, needed).await?;
        work(lab.clone()).await
    };
    let done = until_interrupted(stop, work).await;
    let removed = lab.end().await;
    shown.finish();
    match stop.is_cancelled() {
        true => Err(Interrupted.into()),
        false => Ok((done?, removed)),
    }
}
