use super::*;
use crate::os::{process::Launch, table::RUN_MARK};

/// It is gone after a sweep: this one's, or one that another lab on the machine has begun at the same time.
fn must_be_swept(path: &Path) {
    let swept = sweep();
    let deadline = Instant::now() + Duration::from_secs(10);
    while path.exists() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(!path.exists(), "{swept:?}");
}

#[test]
fn a_living_run_is_never_swept() {
    let run = RunFolder::create().unwrap();
    let server = Launch::new("server", "/bin/sleep", run.path())
        .args(["100"])
        .spawn()
        .unwrap();
    let swept = sweep();
    assert!(!swept.folders.contains(&run.path().to_owned()));
    assert!(run.path().exists() && server.is_running());
}

#[test]
fn a_dead_run_is_swept_with_its_processes() {
    // As a lab leaves it whose guardian was killed too: the lock is free, a process still runs.
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap();
    File::create(folder.path().join(LOCK)).unwrap();
    let path = fs::canonicalize(folder.path()).unwrap();
    let mut orphan = std::process::Command::new("/bin/sleep")
        .arg("100")
        .env(RUN_MARK, &path)
        .spawn()
        .unwrap();
    // `spawn` returns a moment before the kernel shows the new program's environment.
    let shown = Instant::now() + Duration::from_secs(10);
    while table::of_run(&path).is_empty() && Instant::now() < shown {
        std::thread::yield_now();
    }
    must_be_swept(&path);
    assert!(!orphan.wait().unwrap().success());
}

#[test]
fn a_run_goes_with_its_value_unless_it_is_kept() {
    let run = RunFolder::create().unwrap();
    let path = run.path().to_owned();
    drop(run);
    assert!(!path.exists());

    let mut run = RunFolder::create().unwrap();
    run.keep().unwrap();
    let path = run.path().to_owned();
    drop(run);
    assert!(path.exists());
    must_be_swept(&path);
}
