//! A lab for as long as a command takes.

use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{Interrupted, NO_LAB, progress::Progress, tell, unless_interrupted, until_interrupted};
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

    /// How the process exits, once what was found has been told. Says what is left on the servers.
    ///
    /// # Errors
    /// When it was interrupted.
    pub fn code(self, code: u8) -> Result<u8, Interrupted> {
        match self.removed {
            removed if self.interrupted => Err(Interrupted::of(removed)),
            Ok(()) => Ok(code),
            Err(left) => {
                tell_left(&left);
                Ok(NO_LAB)
            }
        }
    }
}

fn tell_left(left: &anyhow::Error) {
    tell(format_args!("lab: {}", Causes(left)));
}

/// Why work on a lab that has ended came to nothing. What is left on the servers is said beside it.
pub(super) fn failed(error: anyhow::Error, removed: Result<()>) -> anyhow::Error {
    if error.is::<Interrupted>() {
        return Interrupted::of(removed).into();
    }
    if let Err(left) = removed {
        tell_left(&left);
    }
    error
}

/// Starts a lab, tells `begun` of it, does `work` on it if it has what is needed, and ends it. Ctrl-C or SIGTERM has `stop` ask the
/// work to end: what it has found by then stands, as it does whatever is left on the servers.
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
        Ok(found) => Ok(Done {
            found,
            removed,
            interrupted,
        }),
        Err(_) if interrupted => Err(Interrupted::of(removed).into()),
        Err(error) => Err(failed(error, removed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_interrupts_is_told_what_is_left() {
        let done = |removed, interrupted| Done {
            found: (),
            removed,
            interrupted,
        };
        let left = || Err(anyhow::anyhow!("the database shop is left"));
        assert_eq!(done(Ok(()), false).code(3).expect("a code"), 3);
        assert_eq!(done(left(), false).code(0).expect("a code"), NO_LAB);
        let said = |removed| done(removed, true).code(0).expect_err("why").to_string();
        assert!(said(Ok(())).ends_with("everything is stopped and removed"));
        assert!(said(left()).ends_with("not all of it is removed: the database shop is left"));
        let error = failed(Interrupted::Clean.into(), left());
        assert!(error.to_string().contains("the database shop is left"));
        let error = failed(anyhow::anyhow!("no such queue"), left());
        assert_eq!(error.to_string(), "no such queue");
    }
}
