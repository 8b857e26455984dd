//! The folders of runs: what a run leaves is evidence, and no later run touches it.

use std::{
    fs,
    io::{Error, ErrorKind},
    path::{Path, PathBuf},
};

/// Why there is no folder for a run.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a run's folder in {runs}: {source}; name another one with --runs")]
pub struct NoFolder {
    runs: PathBuf,
    source: Error,
}

/// Makes a folder of a run's own in `runs`. The kernel makes a folder once, so that two labs with the same seed get one
/// each, and what an earlier run left stays as it is.
pub fn folder(runs: &Path, name: &str, seed: u64) -> Result<PathBuf, NoFolder> {
    let no_folder = |source| NoFolder {
        runs: runs.to_owned(),
        source,
    };
    fs::create_dir_all(runs).map_err(no_folder)?;
    let plain = runs.join(format!("{}-{seed}", name.replace('/', "-")));
    let mut path = plain.clone();
    for number in 2u64.. {
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(no_folder(error)),
        }
        let mut numbered = plain.clone().into_os_string();
        numbered.push(format!("-{number}"));
        path = numbered.into();
    }
    Err(no_folder(ErrorKind::AlreadyExists.into()))
}

/// Whether folders can be made there, tried before anything is started.
pub fn can_be_kept_in(runs: &Path) -> Result<(), NoFolder> {
    let tried = fs::create_dir_all(runs).and_then(|()| tempfile::tempdir_in(runs)?.close());
    tried.map_err(|source| NoFolder {
        runs: runs.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_gets_a_folder_of_its_own_and_evidence_stays() {
        let runs = tempfile::tempdir().unwrap();
        let first = folder(runs.path(), "recovery/broker_back", 7).unwrap();
        fs::write(first.join("history.jsonl"), "evidence").unwrap();
        let second = folder(runs.path(), "recovery/broker_back", 7).unwrap();
        let third = folder(runs.path(), "recovery/broker_back", 7).unwrap();
        assert!(first.ends_with("recovery-broker_back-7"));
        assert!(second.ends_with("recovery-broker_back-7-2"));
        assert!(third.ends_with("recovery-broker_back-7-3"));
        assert_eq!(
            fs::read_to_string(first.join("history.jsonl")).unwrap(),
            "evidence"
        );
        assert_eq!(fs::read_dir(second).unwrap().count(), 0);
    }

    #[test]
    fn labs_at_once_get_a_folder_each() {
        let runs = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> = std::thread::scope(|scope| {
            let labs: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| folder(runs.path(), "a/b", 1).unwrap()))
                .collect();
            labs.into_iter().map(|lab| lab.join().unwrap()).collect()
        });
        let different: std::collections::HashSet<_> = folders.iter().collect();
        assert_eq!(different.len(), 8);
    }

    #[test]
    fn a_place_where_nothing_can_be_kept_is_refused_with_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        can_be_kept_in(&place.path().join("deeper/still")).unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let said = can_be_kept_in(&file).unwrap_err().to_string();
        assert!(said.contains("/file") && said.ends_with("--runs"), "{said}");
    }
}
