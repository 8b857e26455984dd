//! A disk of a server's own, which can be filled and whose power can be cut: a filesystem in a file, mounted where only the server sees it.
//!
//! A kill leaves in the kernel's cache what a process has written, and nothing is lost that was never flushed. Here the file
//! has what the filesystem has given its device. Copied while the server is stopped and put back when the mount is gone, it
//! is what a power cut leaves behind: data, directories and journal.

use std::{
    ffi::OsString,
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, fallocate},
    unistd::geteuid,
};

use super::command::run;
use crate::os::path::program;

/// Room for a cluster and what a run writes; the file is sparse.
const SIZE: &str = "1G";
/// The kernel gives a device up when the last process that saw its mount is gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What takes the room that there is on a disk.
const BALLAST: &str = "ballast";
/// The most that is taken at once, in bytes.
const LOAD: i64 = 64 << 20;
/// Less room than this is none: Postgres writes pages of twice as much.
const CRUMB: i64 = 4 << 10;
/// Begins the server where its disk is mounted, in a mount namespace that ends with it: image, folder, user, group, ballast, program.
const BEGIN: &str = r#"mount -o loop "$1" "$2" && chown "$3:$4" "$2" && chmod 700 "$2" && rm -f "$2/postmaster.pid" "$2/$5" &&
cd "$2" && user=$3 group=$4 && shift 5 && exec setpriv --reuid "$user" --regid "$group" --clear-groups "$@""#;

/// Why this machine can make no such disk, if it cannot.
pub fn is_impossible() -> Option<String> {
    if !geteuid().is_root() {
        return Some("a disk of its own is mounted for it, which only root may do".to_owned());
    }
    let missing = ["mkfs.ext4", "losetup", "mount", "setpriv", "unshare"]
        .into_iter()
        .find(|name| program(name).is_none());
    if let Some(missing) = missing {
        return Some(format!(
            "{missing} is not on PATH (packages e2fsprogs, mount and util-linux)"
        ));
    }
    let allowed = Command::new("unshare")
        .args(["--mount", "losetup", "--find"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_allowed = allowed.is_ok_and(|status| status.success());
    (!is_allowed).then(|| "nothing can be mounted on a loop device here".to_owned())
}

/// A disk.
#[derive(Debug, Clone)]
pub struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

impl Disk {
    /// Makes one that holds what is in `folder`, for which the folder then stands.
    pub fn holding(folder: &Path) -> Result<Self> {
        let image = folder.with_extension("disk");
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-d"])
            .arg(folder)
            .arg(&image)
            .arg(SIZE))?;
        std::fs::remove_dir_all(folder)?;
        std::fs::create_dir(folder)?;
        Ok(Self {
            image,
            folder: folder.to_owned(),
        })
    }

    /// The program and arguments that begin a server on it, as a user and group.
    pub fn begin(&self, user: (u32, u32), server: &Path) -> (PathBuf, Vec<OsString>) {
        let fixed = [
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            BEGIN,
            "sh",
        ];
        let mut arguments: Vec<OsString> = fixed.into_iter().map(OsString::from).collect();
        arguments.extend([self.image.clone().into(), self.folder.clone().into()]);
        arguments.extend([user.0, user.1].map(|id| id.to_string().into()));
        arguments.extend([BALLAST.into(), server.into()]);
        (PathBuf::from("unshare"), arguments)
    }

    /// Copies what it has at this moment. Nobody may write to it meanwhile.
    pub fn copy(&self) -> Result<()> {
        let copied = run(Command::new("cp")
            .args(["--sparse=always", "--reflink=auto"])
            .args([&self.image, &self.copied()]));
        copied.map(drop)
    }

    /// Puts the copy in its place, when the server is gone and the kernel has given the disk up.
    pub fn restore(&self) -> Result<()> {
        let deadline = Instant::now() + GONE_WITHIN;
        while self.is_mounted()? {
            ensure!(
                Instant::now() < deadline,
                "{} is still mounted {GONE_WITHIN:?} after its server was killed",
                self.image.display()
            );
            std::thread::sleep(LOOK_EVERY);
        }
        std::fs::rename(self.copied(), &self.image).context("putting a disk back")
    }

    /// Has everything written that the kernel keeps of it. `server` is the process that sees it.
    pub fn flush(&self, server: i32) -> Result<()> {
        let folder = self.seen_by(server);
        let opened = File::open(&folder);
        let opened = opened.with_context(|| format!("opening {}", folder.display()))?;
        nix::unistd::syncfs(opened).context("flushing a disk")
    }

    /// Takes all the room that there is on it, what is kept for root included. `server` is the process that sees it.
    pub fn fill(&self, server: i32) -> Result<()> {
        let cluster = self.seen_by(server);
        keep_room(&cluster.join("pg_wal"))?;
        let file = cluster.join(BALLAST);
        let ballast = File::create(&file);
        let ballast = ballast.with_context(|| format!("making {}", file.display()))?;
        let (mut taken, mut load) = (0, LOAD);
        while load >= CRUMB {
            match fallocate(&ballast, FallocateFlags::empty(), taken, load) {
                Ok(()) => taken += load,
                Err(Errno::ENOSPC) => load /= 2,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error).context("taking a disk's room"),
            }
        }
        Ok(())
    }

    /// Gives the room back, if it was taken.
    pub fn free(&self, server: i32) -> Result<()> {
        let file = self.seen_by(server).join(BALLAST);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.with_context(|| format!("removing {}", file.display())),
        }
    }

    /// Where the process that sees it has it.
    fn seen_by(&self, server: i32) -> PathBuf {
        PathBuf::from(format!("/proc/{server}/root{}", self.folder.display()))
    }

    fn copied(&self) -> PathBuf {
        self.image.with_extension("cut")
    }

    fn is_mounted(&self) -> Result<bool> {
        let listed = run(Command::new("losetup").arg("--associated").arg(&self.image))?;
        Ok(!listed.is_empty())
    }
}

/// Gives the files of a server's log all the room of their length, as they have where the server made them: in a filesystem
/// made of copies they have none where they are empty.
fn keep_room(log: &Path) -> Result<()> {
    let listed = std::fs::read_dir(log).with_context(|| format!("listing {}", log.display()))?;
    for entry in listed {
        let path = entry?.path();
        match File::options().write(true).open(&path) {
            // The server recycles its log's files, and archive_status is a folder.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {
            }
            opened => opened
                .map_err(anyhow::Error::from)
                .and_then(|file| keep_room_of(&file))
                .with_context(|| format!("keeping the room of {}", path.display()))?,
        }
    }
    Ok(())
}

fn keep_room_of(file: &File) -> Result<()> {
    match i64::try_from(file.metadata()?.len())? {
        0 => Ok(()),
        length => Ok(fallocate(file, FallocateFlags::empty(), 0, length)?),
    }
}
