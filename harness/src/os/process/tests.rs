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

/// The names of the variables that a child finds.
fn variables(launch: Launch) -> Vec<String> {
    let process = launch.args(["-c", "env; echo ready"]).spawn().unwrap();
    let began = Instant::now();
    while !process.log_tail().contains("ready") {
        assert!(began.elapsed() < SOON, "the shell did not get ready");
        std::thread::sleep(SIGNAL_POLL);
    }
    let log = std::fs::read_to_string(process.log()).unwrap();
    let names = log.lines().filter_map(|line| line.split_once('='));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn a_clean_child_finds_what_every_program_needs_and_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new("clean", "/bin/sh", folder.path()).env("GIVEN", "1");
    let found = variables(launch.clean());
    // The last four are the shell's own.
    let known = [
        RUN_MARK,
        "GIVEN",
        "PATH",
        "HOME",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    assert!(
        found.iter().all(|name| known.contains(&name.as_str())),
        "{found:?}"
    );
    assert!(found.iter().any(|name| name == "GIVEN") && found.iter().any(|name| name == RUN_MARK));
}

#[test]
fn a_child_can_be_kept_from_a_variable_and_be_given_another() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new("kept", "/bin/sh", folder.path());
    let found = variables(
        launch
            .without(["PATH", "CARGO"])
            .env("PATH", "/bin:/usr/bin"),
    );
    assert!(found.iter().any(|name| name == "PATH"));
    assert!(
        !found.iter().any(|name| name == "CARGO"),
        "cargo sets it for tests"
    );
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
