//! What a process holds, read from proc(5) when nothing is under way.

use std::{fs, io};

use tokio::task::spawn_blocking;

use crate::{
    history::{Event, Footprint},
    run::site::Site,
};

/// Records it of every process that runs. One that is being started again has none to show.
pub(in crate::run) async fn record(site: Site<'_>) {
    for member in site.system.members() {
        let Ok(pid) = member.leader().await else {
            continue;
        };
        if let Ok(Ok(footprint)) = spawn_blocking(move || of(pid)).await {
            site.recorder.record(Event::Holds {
                process: member.name(),
                footprint,
            });
        }
    }
}

fn of(pid: i32) -> io::Result<Footprint> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let strange = || io::Error::other(format!("/proc/{pid}/status is not as proc(5) says"));
    Ok(Footprint {
        pid: pid.unsigned_abs(),
        resident_kb: field(&status, "VmRSS:").ok_or_else(strange)?,
        threads: field(&status, "Threads:").ok_or_else(strange)?,
        descriptors: descriptors as u64,
    })
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_holds_memory_threads_and_descriptors() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        let held: Vec<_> = (0..100).map(|_| tempfile::tempfile()).collect();
        let with = of(own).expect("it lives");
        assert!(held.iter().all(Result::is_ok));
        assert!(with.resident_kb > 0 && with.threads > 0);
        assert!(with.descriptors > 100, "{with:?}");
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "VmHWM:\t  900 kB\nVmRSS:\t  123 kB\nThreads:\t4\n";
        assert_eq!(field(status, "VmRSS:"), Some(123));
        assert_eq!(field(status, "Threads:"), Some(4));
        assert_eq!(field(status, "VmSwap:"), None);
    }
}
