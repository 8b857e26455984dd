//! One life of a process, from its start to its end, and whether it ended as it was asked to.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use nix::libc::SIGKILL;

use super::{manners::Manners, running::Running, sign::Before};

/// How a process was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// SIGKILL.
    Killed,
    /// By its own signal: it ends as it is used to.
    Stopped,
    /// By its own signal, and it did not end in time.
    Overdue(Duration),
}

/// A process that was started. Whoever asks it to end says so here first, so that an end that was asked for and one that
/// was not are told apart however close they fall together.
pub(super) struct Life {
    pub process: Running,
    /// What there was of its sign when it began.
    pub before: Before,
    asked: Option<Asked>,
    told: bool,
}

impl Life {
    pub fn begin(process: Running, before: Before) -> Self {
        Self {
            process,
            before,
            asked: None,
            told: false,
        }
    }

    /// It is asked to end now. How it had ended before this is not changed by asking.
    pub async fn asked(&mut self, asked: Asked) {
        if self.process.is_running().await || matches!(asked, Asked::Overdue(_)) {
            self.asked = Some(asked);
        }
    }

    pub fn is_taken_away(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether it has ended, and nobody had asked it to.
    pub async fn has_ended_by_itself(&self) -> bool {
        self.asked.is_none() && !self.process.is_running().await
    }

    /// Its end, once, if that is not what was asked for; an end by itself only where nobody starts it again.
    pub async fn death(&mut self, manners: &Manners) -> Option<String> {
        let status = self.process.status().await.ok().flatten()?;
        let death = unasked(self.asked, status, manners)?;
        let told = std::mem::replace(&mut self.told, true);
        (!told).then_some(death)
    }
}

fn unasked(asked: Option<Asked>, status: ExitStatus, manners: &Manners) -> Option<String> {
    let signal = manners.stop;
    match asked {
        None if manners.restart_after.is_some() => None,
        None => Some(format!("{status}, and nobody had asked it to end")),
        Some(Asked::Killed) if status.signal() == Some(SIGKILL) => None,
        Some(Asked::Killed) => Some(format!("{status}, before SIGKILL reached it")),
        Some(Asked::Stopped) if manners.are_kept_by(status) => None,
        Some(Asked::Stopped) => Some(format!("{status} in answer to {signal}")),
        Some(Asked::Overdue(within)) => Some(format!("had not ended {within:?} after {signal}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::Target;

    fn unasked(asked: Option<Asked>, status: ExitStatus) -> Option<String> {
        let ours = Target::ours();
        let manners = Manners::of(&ours.processes[0], &ours.pace);
        super::unasked(asked, status, &manners)
    }

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
        assert_eq!(unasked(Some(Asked::Stopped), exited(0)), None);
        assert!(unasked(Some(Asked::Stopped), exited(101)).is_some());
        assert!(unasked(Some(Asked::Stopped), signalled(11)).is_some());
    }

    #[test]
    fn an_end_of_its_own_is_none_where_somebody_starts_it_again() {
        let ours = Target::ours();
        let mut manners = Manners::of(&ours.processes[0], &ours.pace);
        manners.restart_after = Some(Duration::from_secs(1));
        assert_eq!(super::unasked(None, exited(1), &manners), None);
        assert!(super::unasked(Some(Asked::Stopped), exited(1), &manners).is_some());
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
