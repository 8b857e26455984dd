//! The kernel's process table, read from `/proc`: who descends from whom, who is stopped, who belongs to a run.
//!
//! A process group is not enough to find a server's processes: Postgres's backends and Erlang's port programs start
//! sessions of their own. They are found as descendants, and after their parents' death by the run's mark.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Every child of a run carries this variable; its value is the run's folder. It tells the run's processes from all
/// others, even when their parents are dead.
pub const RUN_MARK: &str = "OUTBOX_LAB_RUN";

/// What a process, or a tree of them, is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// At least one process is neither stopped nor dead.
    Running,
    /// All living processes are stopped.
    Stopped,
    /// All are dead, and at least one is not reaped yet.
    Zombie,
    /// There is none.
    Gone,
}

impl State {
    /// Running or stopped.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Stopped)
    }
}

#[derive(Debug, Clone, Copy)]
struct Row {
    pid: i32,
    parent: i32,
    group: i32,
    state: State,
}

/// The state of a process group and all its descendants.
pub fn state(leader: Pid) -> State {
    let states: Vec<State> = tree(&rows(), leader.as_raw())
        .iter()
        .map(|row| row.state)
        .collect();
    [State::Running, State::Stopped, State::Zombie]
        .into_iter()
        .find(|s| states.contains(s))
        .unwrap_or(State::Gone)
}

/// Sends a signal to every living member and descendant of a process group, parents first, and says who they were: those
/// that have left the group are not found any more once their parents are dead.
pub fn signal_tree(leader: Pid, signal: Signal) -> Vec<Pid> {
    let rows = tree(&rows(), leader.as_raw());
    let living = rows.iter().filter(|row| row.state.is_alive());
    let living: Vec<Pid> = living.map(|row| Pid::from_raw(row.pid)).collect();
    for pid in &living {
        // ESRCH (it has ended meanwhile) is as good as sent; the callers look at the table, not at this.
        let _ = signal::kill(*pid, signal);
    }
    living
}

/// The living members and descendants of process groups, as they are at one moment.
pub fn families(leaders: &[i32]) -> Vec<Vec<Pid>> {
    let rows = rows();
    let family = |leader: &i32| {
        let family = tree(&rows, *leader);
        let living = family.iter().filter(|row| row.state.is_alive());
        living.map(|row| Pid::from_raw(row.pid)).collect()
    };
    leaders.iter().map(family).collect()
}

/// Whether one of these processes is alive.
pub fn is_any_alive<'p>(pids: impl IntoIterator<Item = &'p Pid>) -> bool {
    pids.into_iter().any(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        row(pid.as_raw(), &stat).is_some_and(|row| row.state.is_alive())
    })
}

/// The living processes that belong to a run: those that carry its mark, Postgres's that overwrote their environment
/// but show the cluster's name in their title, and the descendants of both.
pub fn of_run(run_folder: &Path) -> Vec<Pid> {
    let rows = rows();
    let own = std::process::id().cast_signed();
    let mut found = HashSet::new();
    for row in rows
        .iter()
        .filter(|row| row.state.is_alive() && belongs(row.pid, run_folder))
    {
        found.extend(
            tree(&rows, row.pid)
                .iter()
                .filter(|row| row.state.is_alive())
                .map(|row| row.pid),
        );
    }
    found
        .into_iter()
        .filter(|pid| *pid != own)
        .map(Pid::from_raw)
        .collect()
}

fn belongs(pid: i32, run_folder: &Path) -> bool {
    let mark = format!("{RUN_MARK}={}", run_folder.display());
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    if environ
        .split(|byte| *byte == 0)
        .any(|entry| entry == mark.as_bytes())
    {
        return true;
    }
    let Some(name) = run_folder.file_name() else {
        return false;
    };
    let title = format!("postgres: {}", name.display());
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(title.as_bytes()))
}

/// Members of the group first, then their descendants, generation by generation.
fn tree(rows: &[Row], leader: i32) -> Vec<Row> {
    let mut found: Vec<Row> = rows
        .iter()
        .filter(|row| row.pid == leader || row.group == leader)
        .copied()
        .collect();
    let mut known: HashSet<i32> = found.iter().map(|row| row.pid).collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].pid;
        found.extend(
            rows.iter()
                .filter(|row| row.parent == parent && known.insert(row.pid)),
        );
        next += 1;
    }
    found
}

fn rows() -> Vec<Row> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| row(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

fn row(pid: i32, stat: &str) -> Option<Row> {
    // The second field is the program's name in parentheses, and may contain spaces and parentheses itself.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = match fields.next()? {
        "T" | "t" => State::Stopped,
        "Z" | "X" | "x" => State::Zombie,
        _ => State::Running,
    };
    Some(Row {
        pid,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_name_with_spaces_and_parentheses() {
        let row = row(7, "7 (a) b (c)) T 1 7 7 0 -1").unwrap();
        assert_eq!((row.parent, row.group, row.state), (1, 7, State::Stopped));
    }

    #[test]
    fn a_tree_holds_descendants_that_left_the_group() {
        let make = |pid, parent, group| Row {
            pid,
            parent,
            group,
            state: State::Running,
        };
        let rows = [
            make(10, 1, 10),
            make(11, 10, 11),
            make(12, 11, 12),
            make(13, 1, 10),
            make(20, 1, 20),
        ];
        let pids: Vec<i32> = tree(&rows, 10).iter().map(|row| row.pid).collect();
        assert_eq!(pids, [10, 13, 11, 12]);
    }

    #[test]
    fn a_run_that_never_was_has_no_processes() {
        assert!(of_run(Path::new("/nonexistent/outbox-lab-run-none")).is_empty());
    }
}
