//! Which file a command's first word means.

use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail};

/// What a target file calls the service of this repository.
pub(super) const SERVICE: &str = "outbox-service";
/// This program, as the kernel has it, whatever has become of its file.
const SELF: &str = "/proc/self/exe";
/// Set by cargo for tests and benches of the root package; elsewhere the lab is the service itself.
const PROGRAM: &str = "CARGO_BIN_EXE_outbox-service";
/// The lab's hidden first argument that makes it the service.
const AS_SERVICE: &str = "__service";
/// What the toy's files call it, where no program on PATH is called so.
const TOY: &str = "toy-outbox";
/// The same for the toy.
const AS_TOY: &str = "__toy";
/// What the zoo's file calls it, likewise.
const ZOO: &str = "zoo-outbox";
/// The same for the zoo.
const AS_ZOO: &str = "__zoo";

/// A program, and the argument that comes before all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub file: PathBuf,
    pub first: Option<&'static str>,
}

/// The program that `word` means: the service of this repository by its name; a path from the target file's folder; else
/// what is found on `path`, as a shell does.
///
/// # Errors
/// When there is no such program, or none that may be run.
pub(super) fn found(word: &str, folder: Option<&Path>, path: Option<&OsStr>) -> Result<Program> {
    if word == SERVICE {
        return Ok(service());
    }
    let file = match (word.contains('/'), folder) {
        (true, _) if Path::new(word).is_absolute() => PathBuf::from(word),
        (true, Some(folder)) => folder.join(word),
        (true, None) => bail!("{word:?} is a path, and there is no folder that it begins in"),
        (false, _) => match on_path(word, path) {
            Some(file) => file,
            None if word == TOY => return Ok(ourselves(AS_TOY)),
            None if word == ZOO => return Ok(ourselves(AS_ZOO)),
            None => bail!(
                "there is no program {word:?} on PATH; install it, or write its path from the target file's folder: \"./{word}\""
            ),
        },
    };
    if !file.is_file() {
        bail!("there is no program {}; build it first", file.display());
    }
    if !may_be_run(&file) {
        let file = file.display();
        bail!("{file} may not be run; `chmod +x {file}`, or name the program that reads it");
    }
    Ok(Program { file, first: None })
}

fn on_path(word: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    let folders = std::env::split_paths(path?);
    folders
        .map(|folder| folder.join(word))
        .find(|file| file.is_file() && may_be_run(file))
}

fn may_be_run(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|about| about.permissions().mode() & 0o111 != 0)
}

/// The real binary where cargo built one, else this very program in the service's place: never stale, also when its file
/// was built anew meanwhile, and a process of its own all the same.
fn service() -> Program {
    match std::env::var_os(PROGRAM) {
        Some(program) => Program {
            file: program.into(),
            first: None,
        },
        None => ourselves(AS_SERVICE),
    }
}

fn ourselves(first: &'static str) -> Program {
    Program {
        file: SELF.into(),
        first: Some(first),
    }
}

/// The arguments of the toy, if this process was started to be it.
pub fn as_toy() -> Option<Vec<OsString>> {
    arguments(AS_TOY)
}

/// The same of the zoo.
pub fn as_zoo() -> Option<Vec<OsString>> {
    arguments(AS_ZOO)
}

/// Becomes the service if this process was started to be it.
pub fn as_service() -> Option<ExitCode> {
    arguments(AS_SERVICE).map(outbox_service::main)
}

/// What stands behind such a first argument.
fn arguments(first: &str) -> Option<Vec<OsString>> {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    (args.get(1)? == first).then(|| {
        args.remove(1);
        args
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(word: &str, folder: Option<&Path>) -> String {
        found(word, folder, Some(OsStr::new("/nonexistent")))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_path_begins_in_the_target_file_s_folder_and_a_word_is_looked_for_on_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let at = Some(folder.path());
        assert!(refused("./shop", at).contains("may not be run"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let shop = found("./shop", at, None).unwrap();
        assert_eq!(shop.file, folder.path().join("./shop"));
        let named = found("shop", None, Some(folder.path().as_os_str())).unwrap();
        assert_eq!((named.file, named.first), (file, None));
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let said = refused("./shop", Some(folder.path()));
        assert!(said.contains("shop; build it first"), "{said}");
        assert!(refused("shop", None).contains("write its path"));
        assert!(refused("./shop", None).contains("no folder"));
    }

    #[test]
    fn the_service_the_toy_and_the_zoo_of_this_repository_need_no_file() {
        assert!(found(SERVICE, None, None).is_ok());
        assert_eq!(found(ZOO, None, None).unwrap().first, Some(AS_ZOO));
        assert_eq!(found(TOY, None, None).unwrap().first, Some(AS_TOY));
    }
}
