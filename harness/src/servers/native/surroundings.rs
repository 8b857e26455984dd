//! What the servers expect of the machine beside their packages, and cannot be fetched.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use super::{cache, found, user};
use crate::os::path::program;

/// One such thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What it is about.
    pub subject: &'static str,
    /// What was found, or what is missing and what helps.
    pub found: Result<String, String>,
}

/// Programs that RabbitMQ's scripts and the lab itself run. Every Debian has them.
const PROGRAMS: [&str; 8] = [
    "sh", "basename", "cp", "date", "dirname", "grep", "rm", "sleep",
];

/// Looks at all of them.
pub fn needs() -> Vec<Need> {
    let need = |subject, found| Need { subject, found };
    vec![
        need("programs", programs(&|name| program(name).is_some())),
        need("process table", process_table(Path::new("/proc/self/stat"))),
        need("loopback", loopback()),
        need("Postgres' user", postgres_user()),
        need("executable files", executable(&folders(), &is_noexec)),
        need("plain paths", plain(&folders())),
    ]
}

/// What is missing, one sentence each.
pub fn unmet() -> Vec<String> {
    needs()
        .into_iter()
        .filter_map(|need| need.found.err())
        .collect()
}

fn programs(is_there: &dyn Fn(&str) -> bool) -> Result<String, String> {
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|name| !is_there(name))
        .collect();
    if missing.is_empty() {
        Ok(PROGRAMS.join(", "))
    } else {
        Err(format!(
            "RabbitMQ's scripts and the lab run {}, and PATH does not lead to {}",
            PROGRAMS.join(", "),
            missing.join(", ")
        ))
    }
}

fn process_table(stat: &Path) -> Result<String, String> {
    if stat.is_file() {
        Ok("/proc".to_owned())
    } else {
        Err(
            "RabbitMQ and the lab read /proc, and it is not there; mount it (mount -t proc proc /proc)"
                .to_owned(),
        )
    }
}

fn loopback() -> Result<String, String> {
    match TcpListener::bind(("127.0.0.1", 0)) {
        Ok(_) => Ok("127.0.0.1".to_owned()),
        Err(error) => Err(format!(
            "nothing can listen on 127.0.0.1 ({error}); bring the loopback interface up (ip link set lo up)"
        )),
    }
}

fn postgres_user() -> Result<String, String> {
    match user::other_user() {
        Ok(Some(user)) => Ok(format!("{}, since Postgres refuses root", user.name)),
        Ok(None) if user::is_nameless() => Ok(format!(
            "{}, which has no name: {} lends it one",
            geteuid(),
            user::PACKAGE
        )),
        Ok(None) => Ok("this one".to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

/// Where programs are run: RabbitMQ's start scripts in the temporary folder, and in the cache what was fetched.
fn folders() -> Vec<PathBuf> {
    let fetched = !found::on_machine().is_complete();
    let cache = fetched.then(cache::folder);
    cache.into_iter().chain([std::env::temp_dir()]).collect()
}

fn executable(folders: &[PathBuf], is_noexec: &dyn Fn(&Path) -> bool) -> Result<String, String> {
    match folders.iter().find(|folder| is_noexec(folder)) {
        None => Ok(folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect::<Vec<_>>()
            .join(", ")),
        Some(folder) => Err(format!(
            "programs cannot be run in {}: it is mounted noexec; set LAB_CACHE and TMPDIR to folders that are not",
            folder.display()
        )),
    }
}

/// RabbitMQ's scripts do not quote paths.
fn plain(folders: &[PathBuf]) -> Result<String, String> {
    let is_plain = |folder: &&PathBuf| {
        let text = folder.to_str().unwrap_or(" ");
        text.chars()
            .all(|sign| sign.is_alphanumeric() || "/._-+:,=@%~".contains(sign))
    };
    match folders.iter().find(|folder| !is_plain(folder)) {
        None => Ok("no space in them, and nothing that a shell reads".to_owned()),
        Some(folder) => Err(format!(
            "RabbitMQ's scripts break on {folder:?}, for they do not quote paths; set LAB_CACHE and TMPDIR to folders \
             without spaces and signs that a shell reads"
        )),
    }
}

#[cfg(target_os = "linux")]
fn is_noexec(folder: &Path) -> bool {
    use nix::sys::statvfs::{FsFlags, statvfs};

    // The folder itself may not be there yet.
    folder
        .ancestors()
        .find(|folder| folder.is_dir())
        .and_then(|folder| statvfs(folder).ok())
        .is_some_and(|about| about.flags().contains(FsFlags::ST_NOEXEC))
}

#[cfg(not(target_os = "linux"))]
fn is_noexec(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let why = programs(&|name| name != "dirname").unwrap_err();
        assert!(why.ends_with("does not lead to dirname"), "{why}");
        assert!(programs(&|_| true).is_ok());
    }

    #[test]
    fn a_folder_where_nothing_can_be_run_is_named_with_what_helps() {
        let folders = [PathBuf::from("/cache"), PathBuf::from("/tmp")];
        let why = executable(&folders, &|folder| folder == Path::new("/tmp")).unwrap_err();
        assert!(why.contains(" /tmp: ") && why.contains("TMPDIR"), "{why}");
        assert!(executable(&folders, &|_| false).is_ok());
    }

    #[test]
    fn a_path_that_a_script_would_break_on_is_named_with_what_helps() {
        assert!(plain(&[PathBuf::from("/var/cache/outbox-lab")]).is_ok());
        for odd in ["/x y", "/$HOME", "/a'b"] {
            let why = plain(&[PathBuf::from("/tmp"), PathBuf::from(odd)]).unwrap_err();
            assert!(why.contains(odd) && why.contains("LAB_CACHE"), "{why}");
        }
    }

    #[test]
    fn a_machine_without_a_process_table_is_told_to_mount_it() {
        let why = process_table(Path::new("/nowhere/stat")).unwrap_err();
        assert!(why.contains("mount"), "{why}");
    }
}
