//! Who starts again what has ended by itself, where the target's file says that somebody does: a supervisor such as systemd,
//! an orchestrator, or a script around it.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::member::Member;
use crate::os::causes::Causes;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Keeps a process running until dropped.
pub(super) struct Keeper {
    _task: AbortOnDropHandle<()>,
}

impl Keeper {
    /// Of this process; none if its end is its death.
    pub fn of(member: &Arc<Member>) -> Option<Self> {
        let after = member.manners.restart_after?;
        let member = member.clone();
        let task = tokio::spawn(async move {
            loop {
                sleep(LOOK_EVERY).await;
                if !member.has_ended_by_itself().await {
                    continue;
                }
                sleep(after).await;
                if let Err(error) = member.revive().await {
                    tracing::warn!("{}: {}", member.name(), Causes(&error));
                }
            }
        });
        Some(Self {
            _task: AbortOnDropHandle::new(task),
        })
    }
}
