//! How many files a living process may have open, changed from outside: by `prlimit`, a part of util-linux.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail, ensure};

use super::table::families;

/// Every process that has ended since is as good as given back its own.
const GONE: &str = "No such process";
/// What is said in `/proc` of how many files may be open.
const ROW: &str = "Max open files";

/// Processes that may open nothing more, and how much each may open otherwise. Given back by [`Taken::give_back`].
#[derive(Debug)]
pub struct Taken(Vec<(i32, String)>);

/// Leaves the processes of a group the files that they have, and lets them open no other. Read back.
pub fn take(leader: i32) -> Result<Taken> {
    let mut taken = Taken(Vec::new());
    for pid in families(&[leader]).into_iter().flatten() {
        let own = soft(pid.as_raw())?;
        taken.0.push((pid.as_raw(), own));
        if let Err(error) = limit(pid.as_raw(), "0") {
            taken.give_back()?;
            return Err(error);
        }
    }
    ensure!(
        !taken.0.is_empty(),
        "there is no process to take files from"
    );
    Ok(taken)
}

impl Taken {
    /// Lets them open files again. Read back.
    pub fn give_back(self) -> Result<()> {
        for (pid, own) in self.0 {
            limit(pid, &own)?;
        }
        Ok(())
    }
}

/// Sets how many a process may have open. What it has open stays.
fn limit(pid: i32, most: &str) -> Result<()> {
    let set = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--nofile={most}:")])
        .output()
        .context("running prlimit, of the package util-linux")?;
    let told = String::from_utf8_lossy(&set.stderr);
    if told.contains(GONE) {
        return Ok(());
    }
    ensure!(set.status.success(), "prlimit: {}", told.trim());
    let found = soft(pid)?;
    if found != most {
        bail!("process {pid} may open {found} files, not {most}");
    }
    Ok(())
}

fn soft(pid: i32) -> Result<String> {
    let path = format!("/proc/{pid}/limits");
    let limits = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let row = limits.lines().find_map(|line| line.strip_prefix(ROW));
    let soft = row.and_then(|row| row.split_whitespace().next());
    Ok(soft
        .with_context(|| format!("{path} says nothing of {ROW}"))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn what_may_open_nothing_may_again_when_it_is_given_back() {
        let mut child = Command::new("sleep")
            .arg("30")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id().cast_signed();
        let before = soft(pid).unwrap();
        let taken = Taken(vec![(pid, before.clone())]);
        limit(pid, "0").unwrap();
        assert_eq!(soft(pid).unwrap(), "0");
        taken.give_back().unwrap();
        assert_eq!(soft(pid).unwrap(), before);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
