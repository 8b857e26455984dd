//! What a process has cost, by the kernel's count (`proc(5)`).

use std::{fs, io, time::Duration};

use nix::unistd::{Pid, SysconfVar, sysconf};

/// Processor time and memory of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// User and system time since it started.
    pub cpu: Duration,
    /// The most memory that was ever resident, in bytes (`VmHWM`).
    pub peak_rss: u64,
}

impl Usage {
    /// Reads it while the process lives.
    pub(super) fn of(pid: Pid) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let per_second = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100);
        let strange = || io::Error::other(format!("/proc/{pid} is not as proc(5) says"));
        Ok(Self {
            cpu: Duration::from_secs_f64(
                ticks(&stat).ok_or_else(strange)? as f64 / per_second as f64,
            ),
            peak_rss: peak_rss(&status).ok_or_else(strange)?,
        })
    }
}

/// Fields 14 and 15, counted behind the program's name, which may contain anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn peak_rss(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_may_look_like_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5";
        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = Usage::of(Pid::this()).unwrap();
        assert!(usage.peak_rss > 1 << 20, "{usage:?}");
    }
}
