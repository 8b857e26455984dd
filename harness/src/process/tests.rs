use super::*;

const SOON: Duration = Duration::from_secs(5);

/// A shell that is a parent of one process in the group, and of one that starts a session of its own.
fn family(folder: &Path) -> Process {
    let script = "setsid sleep 100 & sleep 100 & echo ready; wait";
    let process = Launch::new("a family", "/bin/sh", folder)
        .args(["-c", script])
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !process.log_tail().contains("ready") {
        assert!(began.elapsed() < SOON, "the family did not get ready");
        std::thread::sleep(SIGNAL_POLL);
    }
    process
}

#[test]
fn freezing_is_seen_in_the_process_table_and_thawing_too() {
    let folder = tempfile::tempdir().unwrap();
    let family = family(folder.path());
    assert_eq!(family.state(), State::Running);
    family.freeze().unwrap();
    assert_eq!(family.state(), State::Stopped);
    assert!(family.is_running(), "a stopped process has not ended");
    family.thaw().unwrap();
    assert_eq!(family.state(), State::Running);
}

#[test]
fn dropping_kills_descendants_that_left_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let family = family(folder.path());
    assert!(table::of_run(folder.path()).len() >= 3);
    drop(family);
    assert_eq!(table::of_run(folder.path()), []);
}

#[test]
fn a_frozen_process_can_be_killed() {
    let folder = tempfile::tempdir().unwrap();
    let family = family(folder.path());
    family.freeze().unwrap();
    family.kill().unwrap();
    assert!(!family.is_running());
    assert!(
        matches!(family.freeze(), Err(ProcessError::NoEffect { .. })),
        "nobody is left to be frozen"
    );
}

#[tokio::test]
async fn a_wait_that_is_too_long_shows_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let family = family(folder.path());
    let error = family
        .wait(Duration::from_millis(20))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a family") && error.contains("ready"),
        "{error}"
    );
    family.terminate().unwrap();
    let status = family.wait(SOON).await.unwrap();
    assert!(!status.success());
}

#[test]
fn a_missing_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Launch::new("ghost", "/nonexistent/program", folder.path())
        .spawn()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ghost") && error.contains("/nonexistent/program"),
        "{error}"
    );
}
