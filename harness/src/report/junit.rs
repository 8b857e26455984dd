//! The report as JUnit XML, which CI servers show.

use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Account, NotRun, ReportError, write};
use crate::judge::summary::RunSummary;
use crate::judge::verdict::Verdict;

/// Writes one test suite for each target and scenario folder, and one test case a run. `fail` becomes a failure; `vacuous`,
/// `unknown` and `error` become errors with that type, so that no reader takes them for skipped. Skipped is what the target
/// could not be put through, with the reason.
pub fn write_junit(path: &Path, accounts: &[Account]) -> Result<(), ReportError> {
    write(path, &encode(accounts)?)
}

fn encode(accounts: &[Account]) -> Result<String, ReportError> {
    let mut report = Report::new("outbox-lab");
    for account in accounts {
        let mut suites: Vec<TestSuite> = Vec::new();
        let mut add = |name: &str, case: TestCase| {
            let folder = name
                .rsplit_once('/')
                .map_or("scenarios", |(folder, _)| folder);
            let called = format!("{}/{folder}", account.target);
            let at = suites
                .iter()
                .position(|suite| suite.name.as_str() == called);
            let at = at.unwrap_or_else(|| {
                suites.push(TestSuite::new(called));
                suites.len() - 1
            });
            suites[at].add_test_case(case);
        };
        if let Some(why) = &account.not_set_up {
            add("setup", not_set_up(why));
        }
        account
            .runs
            .iter()
            .for_each(|run| add(&run.name, case(run)));
        account
            .not_run
            .iter()
            .for_each(|not| add(&not.name, not_run(not)));
        report.add_test_suites(suites);
    }
    Ok(report.to_string()?)
}

fn not_set_up(why: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("not set up").set_message(why);
    TestCase::new("setup", status)
}

fn not_run(not: &NotRun) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(format!("not run, because {}", not.why));
    TestCase::new(not.name.as_str(), status)
}

fn case(run: &RunSummary) -> TestCase {
    let mut status = match run.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Vacuous | Verdict::Unknown | Verdict::Error => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    if run.verdict != Verdict::Pass {
        let examples = run
            .findings
            .iter()
            .filter(|finding| finding.verdict == run.verdict);
        let examples: Vec<&str> = examples
            .flat_map(|finding| &finding.examples)
            .map(String::as_str)
            .collect();
        status
            .set_type(run.verdict.to_string())
            .set_message(run.reason.as_str())
            .set_description(format!(
                "{}\nfiles: {}\nagain: {}",
                examples.join("\n"),
                run.folder.display(),
                run.repeat_command
            ));
    }
    let mut case = TestCase::new(run.name.as_str(), status);
    case.set_time(Duration::from_millis(run.duration_ms));
    case.add_property(("seed", run.seed.to_string().as_str()));
    case.add_property(("bites", run.bites.join(", ").as_str()));
    case.add_property(("recovery", run.recovery().as_str()));
    for not in &run.not_judged {
        let said = format!("{}; {}", not.checker, not.why);
        case.add_property(("not judged", said.as_str()));
    }
    case.add_property(("environment", run.environment.join(", ").as_str()));
    case
}
