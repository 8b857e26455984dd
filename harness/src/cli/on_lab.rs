//! A lab for as long as a command takes.

use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{Interrupted, progress::Progress, tell, unless_interrupted, until_interrupted};
use crate::{
    ask::target::need::Need,
    os::causes::Causes,
    servers::{backend::Wanted, lab::Lab, needs},
};

/// What was done on a lab that has ended.
pub(super) struct Done<T> {
    /// What came of it; of work that was interrupted, what was known by then.
    pub found: T,
    removed: Result<()>,
    interrupted: bool,
}

impl<T> Done<T> {
    /// Whether more was to be found.
    pub fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// How the process exits, once what was found has been told.
    ///
    /// # Errors
    /// When it was interrupted, or something is left on the servers.
    pub fn code(self, code: u8) -> Result<u8> {
        match (self.removed, self.interrupted) {
            (removed, false) => removed.map(|()| code),
            (Ok(()), true) => Err(Interrupted.into()),
            (Err(left), true) => {
                tell(format_args!("lab: {}", Causes(&left)));
                Err(Interrupted.into())
            }
        }
    }
}

/// Starts a lab, tells `begun` of it, does `work` on it if it has what is needed, and ends it. Ctrl-C or SIGTERM has `stop` ask the work to end: what it has
/// found by then stands, as it does whatever is left on the servers.
///
/// # Errors
/// When there is no such lab, when the work fails, or when it was interrupted before it had found anything.
pub(super) async fn on_lab<T>(
    wanted: &Wanted,
    needed: &[Need],
    shown: &Progress,
    stop: &CancellationToken,
    begun: impl FnOnce(&Lab),
    work: impl AsyncFnOnce(Arc<Lab>) -> Result<T>,
) -> Result<Done<T>> {
    let plugins = needs::plugins(needed);
    let boot = Lab::start_with(wanted, &plugins, |line| shown.line(line));
    let lab = Arc::new(unless_interrupted(boot).await?);
    begun(&lab);
    let work = async {
        needs::check(&lab, needed).await?;
        work(lab.clone()).await
    };
    let done = until_interrupted(stop, work).await;
    let removed = lab.end().await;
    shown.finish();
    let interrupted = stop.is_cancelled();
    match done {
        Err(_) if interrupted => Err(Interrupted.into()),
        done => Ok(Done {
            found: done?,
            removed,
            interrupted,
        }),
    }
}
