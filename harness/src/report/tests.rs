use super::*;
use crate::judge::verdict::{Finding, NotJudged, Verdict};
use crate::judge::{course::Course, metrics::Metrics, summary::RunSummary};

pub(super) fn run(name: &str, verdict: Verdict) -> RunSummary {
    RunSummary {
        target: "shop".to_owned(),
        scenario: None,
        name: name.to_owned(),
        verdict,
        reason: "loss: 1 events lost, marked published and never delivered".to_owned(),
        bites: vec![
            "connections_cut 4".to_owned(),
            "deliveries_again 12".to_owned(),
        ],
        recovery_ms: Some(1_234),
        recovery_at_least_ms: None,
        duration_ms: 8_150,
        seed: 7,
        folder: "runs/7".into(),
        repeat_command: format!("lab run {name} --seed 7"),
        environment: vec!["postgres fsync = on".to_owned()],
        not_judged: Vec::new(),
        metrics: Metrics::default(),
        course: Course::default(),
        findings: vec![Finding {
            checker: "loss".to_owned(),
            verdict,
            reason: "1 events lost".to_owned(),
            examples: vec!["event 8 & 9 <here>".to_owned()],
            looked_at: Some(40),
            counts: [("events".to_owned(), 40)].into(),
        }],
    }
}

pub(super) fn account(runs: &[RunSummary]) -> Account {
    Account {
        target: "shop".to_owned(),
        backend: Some("native"),
        runs: runs.to_vec(),
        ..Account::default()
    }
}

fn without_a_consumer(name: &str) -> NotRun {
    NotRun {
        name: name.to_owned(),
        why: "no process plays the <consumer>".to_owned(),
    }
}

#[test]
fn the_plain_table_explains_what_is_not_a_pass() {
    let runs = [
        run("recovery/broker_back", Verdict::Pass),
        run("failure/kill", Verdict::Fail),
    ];
    let text = table(&account(&runs), false, None);
    let expected = "\
+--------------------------------------------------------------------------------------------+
| scenario               verdict   bit                                      recovery   took  |
+============================================================================================+
| recovery/broker_back   pass      connections_cut 4, deliveries_again 12   1.2 s      8.1 s |
| failure/kill           fail      connections_cut 4, deliveries_again 12   1.2 s      8.1 s |
+--------------------------------------------------------------------------------------------+

fail failure/kill: loss: 1 events lost, marked published and never delivered
  e.g.   event 8 & 9 <here>
  files  runs/7
  again  lab run failure/kill --seed 7
";
    assert_eq!(text, expected);
}

#[test]
fn a_narrow_terminal_gets_a_narrow_table() {
    let mut bitten = run("failure/unroutable", Verdict::Pass);
    bitten.bites = vec![
        "exchange_without_bindings 1".to_owned(),
        "messages_returned 12".to_owned(),
    ];
    let text = table(&account(&[bitten]), false, Some(72));
    assert!(
        text.lines().all(|line| line.chars().count() <= 72),
        "{text}"
    );
}

#[test]
fn what_was_not_judged_is_said_below_a_green_table() {
    let mut sampled = run("recovery/broker_back", Verdict::Pass);
    sampled.not_judged.push(NotJudged {
        checker: "ownership".to_owned(),
        why: "sampled: the server has wal_level = replica".to_owned(),
    });
    let text = table(
        &account(&[sampled.clone(), run("failure/kill", Verdict::Pass), sampled]),
        false,
        None,
    );
    let said =
        "\nnot judged in 2 of 3 runs: ownership; sampled: the server has wal_level = replica\n";
    assert!(text.ends_with(said), "{text}");
}

#[test]
fn what_was_not_run_has_a_row_and_its_reason_and_what_could_not_be_set_up_says_why() {
    let mut account = account(&[run("recovery/a", Verdict::Pass)]);
    account.not_run = ["duplicate/b", "ordering/c"]
        .map(without_a_consumer)
        .to_vec();
    let text = table(&account, false, None);
    assert!(text.contains("| ordering/c    not run "), "{text}");
    let why = "\nnot run, because no process plays the <consumer>: duplicate/b, ordering/c\n";
    assert!(text.contains(why), "{text}");
    account.not_set_up = Some("there is no Python".to_owned());
    let text = table(&account, false, None);
    let said = "shop could not be set up: there is no Python\n2 stories were not run\n";
    assert_eq!(text, said);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lab.xml");
    write_junit(&path, &[account]).expect("a report");
    let xml = std::fs::read_to_string(&path).expect("a file");
    let error = "<error message=\"there is no Python\" type=\"not set up\"";
    assert!(xml.contains(error), "{xml}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let runs = [
        run("a", Verdict::Pass),
        run("b", Verdict::Vacuous),
        run("c", Verdict::Error),
    ];
    let coloured = table(&account(&runs), true, None);
    assert_eq!(coloured.matches("\u{1b}[33mvacuous\u{1b}[0m").count(), 2);
    let codes = ["\u{1b}[0m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];
    let stripped = codes
        .iter()
        .fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(stripped, table(&account(&runs), false, None));
}

#[test]
fn junit_tells_failures_from_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lab.xml");
    let runs = [
        run("recovery/a", Verdict::Pass),
        run("recovery/b", Verdict::Fail),
        run("ordering/c", Verdict::Vacuous),
        run("ordering/d", Verdict::Unknown),
        run("ordering/e", Verdict::Error),
    ];
    let mut account = account(&runs);
    account.not_run.push(without_a_consumer("ordering/f"));
    write_junit(&path, &[account]).expect("a report");
    let xml = std::fs::read_to_string(&path).expect("a file");
    let report = quick_junit::Report::deserialize_from_str(&xml).expect("valid JUnit");
    assert_eq!(
        (report.tests, report.failures, report.errors, report.skipped),
        (6, 1, 3, 1)
    );
    assert!(xml.contains("type=\"vacuous\""), "{xml}");
    assert!(xml.contains("name=\"shop/ordering\""), "{xml}");
    let skipped = "<skipped message=\"not run, because no process plays the &lt;consumer&gt;\"";
    assert!(xml.contains(skipped), "{xml}");
    assert!(
        xml.contains("<property name=\"recovery\" value=\"1.2 s\"/>"),
        "{xml}"
    );
    assert!(
        xml.contains("<property name=\"environment\" value=\"postgres fsync = on\"/>"),
        "{xml}"
    );
    assert!(xml.contains("event 8 &amp; 9 &lt;here&gt;"), "{xml}");
}

#[test]
fn json_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lab.json");
    let runs = [
        run("recovery/a", Verdict::Pass),
        run("recovery/b", Verdict::Fail),
    ];
    let mut account = account(&runs);
    account.not_run.push(without_a_consumer("recovery/c"));
    let accounts = [account];
    write_json(&path, &accounts).expect("a report");
    let text = std::fs::read_to_string(&path).expect("a file");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["verdict"], "fail");
    assert_eq!(
        report["checkers"].as_array().map(Vec::len),
        Some(crate::judge::check::names().count())
    );
    let target = &report["targets"][0];
    assert_eq!(
        (&target["target"], &target["backend"]),
        (&"shop".into(), &"native".into())
    );
    assert_eq!(target["not_run"][0]["name"], "recovery/c");
    assert_eq!(
        target["not_run"][0]["why"],
        "no process plays the <consumer>"
    );
    let back: Vec<RunSummary> = serde_json::from_value(report["runs"].clone()).expect("runs");
    assert_eq!(back, runs);
    assert!(write_json(folder.path(), &accounts).is_err());
}
