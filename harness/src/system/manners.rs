//! How a process is asked to stop, how it then ends, and what it means that it ends by itself.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use nix::sys::signal::Signal;

use crate::ask::target::{
    process::{self, Ended, Process},
    timing::Timing,
};

/// A shell's code for a program that a signal has ended, before the signal's number. Java's, too, after all is put in order.
const ENDED_BY_SIGNAL: i32 = 128;

/// What a process's owner knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manners {
    /// What asks it to stop.
    pub stop: Signal,
    /// The codes with which it ends then; if none are said, those that are usual.
    exits: Option<Vec<u8>>,
    /// How long it may take to stop.
    pub stops_within: Duration,
    /// How long it may take to start.
    pub ready_within: Duration,
    /// Somebody starts it again, this long after it has ended by itself.
    pub restart_after: Option<Duration>,
}

impl Manners {
    /// As the file says.
    pub fn of(process: &Process, pace: &Timing) -> Self {
        Self {
            stop: match process.stop {
                process::Signal::Term => Signal::SIGTERM,
                process::Signal::Int => Signal::SIGINT,
                process::Signal::Quit => Signal::SIGQUIT,
                process::Signal::Hup => Signal::SIGHUP,
            },
            exits: process.exits.clone(),
            stops_within: pace.stops_within.get(),
            ready_within: pace.ready_within.get(),
            restart_after: match process.ended {
                Ended::Died => None,
                Ended::RestartAfter(span) => Some(span.get()),
            },
        }
    }

    /// Whether that is how it ends when it is asked to.
    pub fn are_kept_by(&self, status: ExitStatus) -> bool {
        let signal = self.stop as i32;
        match (&self.exits, status.code()) {
            (Some(exits), code) => {
                let by_signal = || Some(ENDED_BY_SIGNAL + status.signal()?);
                let code = code.or_else(by_signal);
                let code = code.and_then(|code| u8::try_from(code).ok());
                code.is_some_and(|code| exits.contains(&code))
            }
            (None, Some(code)) => code == 0 || code == ENDED_BY_SIGNAL + signal,
            (None, None) => status.signal() == Some(signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::Target;

    fn manners(exits: Option<Vec<u8>>) -> Manners {
        let ours = Target::ours();
        let first = Process {
            exits,
            ..ours.processes[0].clone()
        };
        Manners::of(&first, &ours.pace)
    }

    fn exited(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn who_has_no_code_of_its_own_ends_as_programs_do_that_are_asked_to() {
        let usual = manners(None);
        assert!(usual.are_kept_by(exited(0)) && usual.are_kept_by(exited(143)));
        assert!(usual.are_kept_by(ExitStatus::from_raw(Signal::SIGTERM as i32)));
        assert!(!usual.are_kept_by(exited(1)));
        assert!(!usual.are_kept_by(ExitStatus::from_raw(Signal::SIGSEGV as i32)));
    }

    #[test]
    fn who_says_its_codes_is_held_to_them() {
        let strict = manners(Some(vec![0]));
        assert!(strict.are_kept_by(exited(0)));
        assert!(!strict.are_kept_by(exited(143)));
        assert!(!strict.are_kept_by(ExitStatus::from_raw(Signal::SIGTERM as i32)));
        assert_eq!(manners(None).restart_after, None);
    }
}
