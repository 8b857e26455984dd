//! Fetching a distribution's own packages as an ordinary user: package lists, downloads and unpacked files all go into a
//! folder of the lab's, and dpkg's database is only read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use crate::os::{path::program, terminal::bar};

/// Why packages could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// Not a Debian or Ubuntu.
    #[error(
        "{missing} is missing and there is no apt-get to fetch it with; install it (Fedora: dnf install postgresql-server rabbitmq-server tzdata, macOS: brew install postgresql rabbitmq)"
    )]
    NoApt {
        /// What was to be fetched.
        missing: String,
    },
    /// A step failed.
    #[error("`{command}` failed: {problem}; check the network and the room in {}, or as root: apt-get install {packages}", folder.display())]
    Step {
        /// What was run.
        command: String,
        /// The last lines it printed.
        problem: String,
        /// What was to be fetched.
        packages: String,
        /// Where.
        folder: PathBuf,
    },
}

/// Fetches `packages` with all they need that the system does not have, and unpacks them into `folder/root`. They
/// themselves are fetched even if dpkg takes them for installed: images come with packages whose files were removed.
pub fn fetch(packages: &[&str], folder: &Path, say: &dyn Fn(&str)) -> Result<PathBuf, AptError> {
    let apt = Apt { packages, folder };
    if program("apt-get").is_none() || program("dpkg-deb").is_none() {
        return Err(AptError::NoApt {
            missing: packages.join(" and "),
        });
    }
    for needed in ["state/lists/partial", "cache/archives/partial", "root"] {
        fs::create_dir_all(folder.join(needed))
            .map_err(|error| apt.failed("mkdir", error.to_string()))?;
    }
    say(&format!(
        "fetching {} and what they need into the lab's cache (nothing is installed)",
        packages.join(", ")
    ));
    apt.get(&["update"])?;
    let (files, bytes) = apt.announced()?;
    say(&format!(
        "downloading {files} packages, {} MB",
        bytes / 1_000_000
    ));
    apt.download(bytes)?;
    apt.unpack()
}

struct Apt<'p> {
    packages: &'p [&'p str],
    folder: &'p Path,
}

impl Apt<'_> {
    fn failed(&self, command: &str, problem: String) -> AptError {
        AptError::Step {
            command: command.to_owned(),
            problem,
            packages: self.packages.join(" "),
            folder: self.folder.to_owned(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let folder = self.folder.display();
        let mut command = Command::new("apt-get");
        command
            .args(["-q", "-y", "--no-install-recommends"])
            .args(["-o", &format!("Dir::State={folder}/state")])
            .args(["-o", "Dir::State::status=/var/lib/dpkg/status"])
            .args(["-o", &format!("Dir::Cache={folder}/cache")])
            .args(["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="])
            .args(args)
            .stdin(Stdio::null());
        command
    }

    fn get(&self, args: &[&str]) -> Result<Output, AptError> {
        self.finish(
            &format!("apt-get {}", args.join(" ")),
            self.command(args).output(),
        )
    }

    fn finish(&self, command: &str, output: std::io::Result<Output>) -> Result<Output, AptError> {
        let output = output.map_err(|error| self.failed(command, error.to_string()))?;
        if output.status.success() {
            return Ok(output);
        }
        let printed = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = printed
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(4)..].join(" / ");
        Err(self.failed(command, last))
    }

    /// How many files and bytes a download will be. The system's own packages are left out.
    fn announced(&self) -> Result<(usize, u64), AptError> {
        let mut args = vec!["install", "--reinstall", "--print-uris"];
        args.extend(self.packages);
        let listed = self.get(&args)?;
        let listed = String::from_utf8_lossy(&listed.stdout);
        // 'uri' file size checksum
        let sizes: Vec<u64> = listed
            .lines()
            .filter(|line| line.starts_with('\''))
            .filter_map(|line| line.split_whitespace().nth(2)?.parse().ok())
            .collect();
        Ok((sizes.len(), sizes.iter().sum()))
    }

    fn download(&self, bytes: u64) -> Result<(), AptError> {
        let mut args = vec!["install", "--reinstall", "--download-only"];
        args.extend(self.packages);
        let bar = bar(
            bytes,
            "{bar:30} {bytes}/{total_bytes} downloaded, {elapsed}",
        );
        let archives = self.folder.join("cache/archives");
        let child = self
            .command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| self.failed("apt-get", error.to_string()))?;
        while matches!(child.try_wait(), Ok(None)) {
            bar.set_position(size(&archives) + size(&archives.join("partial")));
            std::thread::sleep(Duration::from_millis(100));
        }
        bar.finish_and_clear();
        self.finish("apt-get install --download-only", child.wait_with_output())
            .map(drop)
    }

    fn unpack(&self) -> Result<PathBuf, AptError> {
        let root = self.folder.join("root");
        let archives = fs::read_dir(self.folder.join("cache/archives"))
            .map_err(|error| self.failed("ls", error.to_string()))?;
        let archives: Vec<PathBuf> = archives
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|ending| ending == "deb"))
            .collect();
        let bar = bar(
            archives.len() as u64,
            "{bar:30} {pos}/{len} unpacked, {elapsed}",
        );
        for archive in archives {
            let unpacked = Command::new("dpkg-deb")
                .arg("-x")
                .arg(&archive)
                .arg(&root)
                .output();
            self.finish(&format!("dpkg-deb -x {}", archive.display()), unpacked)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        // A third of the room, and of no more use.
        let _ = fs::remove_dir_all(self.folder.join("cache"));
        let _ = fs::remove_dir_all(self.folder.join("state"));
        Ok(root)
    }
}

fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).map_or(0, |entries| {
        entries
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .filter(fs::Metadata::is_file)
            .map(|about| about.len())
            .sum()
    })
}
