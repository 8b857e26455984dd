//! Who Postgres runs as, and the name that `initdb` insists on.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};
use nix::unistd::{Gid, Uid, User, geteuid, getgid};

/// The package that lends a name: in containers that run as a number, that number has no line in `/etc/passwd`.
pub const PACKAGE: &str = "libnss-wrapper";

/// Postgres refuses to run as root; then it runs as another user, who owns its data.
pub fn other_user() -> Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!(
        "Postgres refuses to run as root, and there is no user postgres or nobody; run the lab as an ordinary user"
    )
}

/// Whether this user has no name.
pub fn is_nameless() -> bool {
    matches!(User::from_uid(geteuid()), Ok(None))
}

/// The library that lends one, below a root.
pub fn wrapper(root: &Path) -> Option<PathBuf> {
    super::libraries::folders(root)
        .into_iter()
        .map(|folder| folder.join("libnss_wrapper.so"))
        .find(|library| library.is_file())
}

/// Lends a name to this user while the command runs. `folder` keeps the files that say so.
pub fn lend_name(command: &mut Command, wrapper: &Path, folder: &Path) -> io::Result<()> {
    let (passwd, group) = (folder.join("passwd"), folder.join("group"));
    fs::write(&passwd, line(geteuid(), getgid()))?;
    fs::write(&group, format!("lab:x:{}:\n", getgid()))?;
    command
        .env("LD_PRELOAD", wrapper)
        .env("NSS_WRAPPER_PASSWD", passwd)
        .env("NSS_WRAPPER_GROUP", group);
    Ok(())
}

fn line(user: Uid, group: Gid) -> String {
    format!("lab:x:{user}:{group}:lab:/:/bin/false\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_name_belongs_to_the_number() {
        assert_eq!(
            line(Uid::from_raw(4321), Gid::from_raw(99)),
            "lab:x:4321:99:lab:/:/bin/false\n"
        );
    }

    #[test]
    fn the_lender_is_found_among_unpacked_libraries() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/lib/x86_64-linux-gnu");
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(wrapper(root.path()), None);
        fs::write(folder.join("libnss_wrapper.so"), "").unwrap();
        assert_eq!(wrapper(root.path()), Some(folder.join("libnss_wrapper.so")));
    }
}
