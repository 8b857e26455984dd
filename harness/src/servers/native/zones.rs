//! Time zones for a Postgres whose distribution keeps them in a package of their own.
//!
//! Debian and Ubuntu build Postgres `--with-system-tzdata=/usr/share/zoneinfo`, and no setting or variable leads it
//! elsewhere. Images often have no such folder, and then every client that asks for `TimeZone = 'UTC'` is refused. A
//! copy of the program that looks in its data folder instead needs neither root nor a mount.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// How the path begins where the distribution's Postgres looks, `/usr/share/zoneinfo`. Ubuntu's compiler copies it as
/// sixteen bytes of data and the last three from within the code, so that no more than these is one piece everywhere.
const BUILT_IN: &[u8; 16] = b"/usr/share/zonei";
/// How it begins in the copy: relative to the working directory, which is a server's data folder. Of the same length,
/// which compilers have put into the code, too.
const REPLACED: &[u8; 16] = b"./././././/zonei";

/// The folder of zones below a root.
const FOLDER: &str = "usr/share/zoneinfo";
/// Its name in a data folder.
const LINK: &str = "zoneinfo";
/// The copy's name, beside the original so that it finds its own libraries and `share` as that does.
const COPY: &str = "postgres-outbox-lab";

/// The package with the zones.
pub const PACKAGE: &str = "tzdata";

/// Settings with which a server starts wherever its data folder was made: the zone that `initdb` writes down is the
/// machine's own, and is looked up before the server has entered its data folder. GMT alone needs no file.
pub const SETTINGS: &str = "timezone = 'GMT'\nlog_timezone = 'GMT'\n";

/// Zones that were unpacked, and the Postgres that looks for them in its data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zones {
    folder: PathBuf,
    server: PathBuf,
}

impl Zones {
    /// Makes the copy of `postgres` (a folder of programs): beside the original if that was unpacked into `root`, else
    /// in `cache`, since the machine's own folders are not the lab's to write in.
    pub fn fit(postgres: &Path, root: &Path, cache: &Path) -> io::Result<Self> {
        let folder = unpacked(root).ok_or(io::ErrorKind::NotFound)?;
        let server = if postgres.starts_with(root) {
            postgres.join(COPY)
        } else {
            cache.join(COPY)
        };
        copy(&postgres.join("postgres"), &server)?;
        Ok(Self { folder, server })
    }

    /// The program to start instead of `postgres`.
    pub fn server(&self) -> &Path {
        &self.server
    }

    /// Lays the zones into a server's data folder.
    pub fn link(&self, data: &Path) -> io::Result<()> {
        symlink(&self.folder, data.join(LINK))
    }
}

/// Whether a Postgres with its programs in `postgres`, or one still to be fetched, finds no zones below `machine`.
pub fn lacking(postgres: Option<&Path>, machine: &Path) -> bool {
    let system = machine.join(FOLDER).join("UTC");
    if system.is_file() {
        return false;
    }
    let Some(postgres) = postgres else {
        return true;
    };
    fs::read(postgres.join("postgres")).is_ok_and(|program| !places(&program).is_empty())
}

/// The zones that were unpacked into `root`.
pub fn unpacked(root: &Path) -> Option<PathBuf> {
    let folder = root.join(FOLDER);
    folder.join("UTC").is_file().then_some(folder)
}

/// Takes out what only an installed package makes whole: `localtime` leads to a file of the machine's, and without that
/// one Postgres cannot list its zones.
pub fn tidy(root: &Path) {
    let local = root.join(FOLDER).join("localtime");
    if !local.exists() {
        let _ = fs::remove_file(local);
    }
}

/// A new file each time, renamed into place: the old one may be running, and the original may have been upgraded.
fn copy(original: &Path, copy: &Path) -> io::Result<()> {
    let mut program = fs::read(original)?;
    for at in places(&program) {
        program[at..at + REPLACED.len()].copy_from_slice(REPLACED);
    }
    let unfinished = copy.with_extension("unfinished");
    fs::write(&unfinished, program)?;
    fs::set_permissions(&unfinished, fs::metadata(original)?.permissions())?;
    fs::rename(unfinished, copy)
}

fn places(program: &[u8]) -> Vec<usize> {
    program
        .windows(BUILT_IN.len())
        .enumerate()
        .filter_map(|(at, piece)| (piece == BUILT_IN).then_some(at))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of programs whose `postgres` contains this.
    fn programs(folder: &Path, content: &[u8]) -> PathBuf {
        let bin = folder.join("usr/lib/postgresql/15/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("postgres"), content).unwrap();
        bin
    }

    fn zones(root: &Path) {
        fs::create_dir_all(root.join(FOLDER)).unwrap();
        fs::write(root.join(FOLDER).join("UTC"), "TZif2").unwrap();
    }

    const BUILT: &[u8] = b"ELF\0/usr/share/zoneinfo\0/usr/share/locale\0";

    #[test]
    fn a_machine_without_zones_lacks_them_for_a_postgres_that_looks_there() {
        let machine = tempfile::tempdir().unwrap();
        let bin = programs(machine.path(), BUILT);
        assert!(lacking(Some(&bin), machine.path()));
        assert!(lacking(None, machine.path()), "one that will be fetched");
        zones(machine.path());
        assert!(!lacking(Some(&bin), machine.path()));
    }

    #[test]
    fn a_postgres_with_zones_of_its_own_lacks_nothing() {
        let machine = tempfile::tempdir().unwrap();
        let bin = programs(machine.path(), b"ELF\0timezone\0");
        assert!(!lacking(Some(&bin), machine.path()));
    }

    #[test]
    fn the_copy_looks_in_its_data_folder_and_is_the_original_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let bin = programs(folder.path(), BUILT);
        copy(&bin.join("postgres"), &folder.path().join("copy")).unwrap();
        assert_eq!(
            fs::read(folder.path().join("copy")).unwrap(),
            b"ELF\0./././././/zoneinfo\0/usr/share/locale\0"
        );
    }

    #[test]
    fn a_path_that_is_copied_in_pieces_is_replaced_in_each() {
        let folder = tempfile::tempdir().unwrap();
        let bin = programs(
            folder.path(),
            b"/usr/share/zonei\x01\xc7\x07nfo\0 text\0/usr/share/zoneinfo\0",
        );
        assert!(lacking(Some(&bin), folder.path()));
        copy(&bin.join("postgres"), &folder.path().join("copy")).unwrap();
        assert_eq!(
            fs::read(folder.path().join("copy")).unwrap(),
            b"./././././/zonei\x01\xc7\x07nfo\0 text\0./././././/zoneinfo\0"
        );
    }

    #[test]
    fn the_copy_is_beside_an_unpacked_original_and_never_among_the_machines_programs() {
        let (machine, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = cache.path().join("packages/root");
        zones(&root);
        let installed = programs(machine.path(), BUILT);
        let fitted = Zones::fit(&installed, &root, cache.path()).unwrap();
        assert_eq!(fitted.server(), cache.path().join(COPY));
        let unpacked = programs(&root, BUILT);
        let fitted = Zones::fit(&unpacked, &root, cache.path()).unwrap();
        assert_eq!(fitted.server(), unpacked.join(COPY));
        assert_eq!(fs::read_dir(&installed).unwrap().count(), 1);
    }

    #[test]
    fn the_data_folder_leads_to_the_zones() {
        let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        zones(root.path());
        let bin = programs(root.path(), BUILT);
        let fitted = Zones::fit(&bin, root.path(), root.path()).unwrap();
        fitted.link(data.path()).unwrap();
        assert!(data.path().join("././././/zoneinfo/UTC").is_file());
    }
}
