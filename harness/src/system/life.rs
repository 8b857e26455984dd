//! One life of a process, from its start to its end, and whether it ended as it was asked to.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, sync::Arc, time::Duration};

use nix::libc::SIGKILL;

use crate::os::process::Process;

/// How a process was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// SIGKILL.
    Killed,
    /// SIGTERM: it ends with status 0.
    Terminated,
    /// SIGTERM, and it did not end in time.
    Overdue(Duration),
}

/// A process that was started. Whoever asks it to end says so here first, so that an end that was asked for and one that
/// was not are told apart however close they fall together.
pub(super) struct Life {
    pub process: Arc<Process>,
    asked: Option<Asked>,
    told: bool,
}

impl Life {
    pub fn begin(process: Process) -> Self {
        Self {
            process: Arc::new(process),
            asked: None,
            told: false,
        }
    }

    /// It is asked to end now. How it had ended before this is not changed by asking.
    pub fn asked(&mut self, asked: Asked) {
        if self.process.is_running() || matches!(asked, Asked::Overdue(_)) {
            self.asked = Some(asked);
        }
    }

    pub fn is_taken_away(&self) -> bool {
        self.asked.is_some()
    }

    /// Its end, once, if that is not what was asked for.
    pub fn death(&mut self) -> Option<String> {
        let status = self.process.ended().ok().flatten()?;
        let death = unasked(self.asked, status)?;
        let told = std::mem::replace(&mut self.told, true);
        (!told).then_some(death)
    }
}

fn unasked(asked: Option<Asked>, status: ExitStatus) -> Option<String> {
    match asked {
        None => Some(format!("{status}, and nobody had asked it to end")),
        Some(Asked::Killed) if status.signal() == Some(SIGKILL) => None,
        Some(Asked::Killed) => Some(format!("{status}, before SIGKILL reached it")),
        Some(Asked::Terminated) if status.success() => None,
        Some(Asked::Terminated) => Some(format!("{status} in answer to SIGTERM")),
        Some(Asked::Overdue(within)) => Some(format!("had not ended {within:?} after SIGTERM")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    fn signalled(signal: i32) -> ExitStatus {
        ExitStatus::from_raw(signal)
    }

    #[test]
    fn an_end_that_nobody_asked_for_is_a_death_whatever_its_status() {
        assert!(unasked(None, exited(0)).is_some());
        assert!(unasked(None, signalled(SIGKILL)).is_some());
    }

    #[test]
    fn a_crash_in_answer_to_sigterm_is_a_death_and_an_orderly_end_is_not() {
        assert_eq!(unasked(Some(Asked::Terminated), exited(0)), None);
        assert!(unasked(Some(Asked::Terminated), exited(101)).is_some());
        assert!(unasked(Some(Asked::Terminated), signalled(11)).is_some());
    }

    #[test]
    fn a_killed_process_ends_by_that_signal_and_no_other() {
        assert_eq!(unasked(Some(Asked::Killed), signalled(SIGKILL)), None);
        assert!(unasked(Some(Asked::Killed), exited(1)).is_some());
    }

    #[test]
    fn what_does_not_end_in_time_is_a_death() {
        let overdue = Some(Asked::Overdue(Duration::from_secs(15)));
        assert!(unasked(overdue, signalled(SIGKILL)).is_some());
    }
}
