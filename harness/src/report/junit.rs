//! The report as JUnit XML, which CI servers show.

use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{ReportError, write};
use crate::judge::summary::RunSummary;
use crate::judge::verdict::Verdict;

/// Writes one test suite a scenario folder and one test case a run. `fail` becomes a failure; `vacuous`, `unknown` and
/// `error` become errors with that type, so that no reader takes them for skipped.
pub fn write_junit(path: &Path, runs: &[RunSummary]) -> Result<(), ReportError> {
    write(path, &encode(runs)?)
}

fn encode(runs: &[RunSummary]) -> Result<String, ReportError> {
    let mut report = Report::new("outbox-lab");
    let mut suites: Vec<TestSuite> = Vec::new();
    for run in runs {
        let folder = run
            .name
            .rsplit_once('/')
            .map_or("scenarios", |(folder, _)| folder);
        let suite = match suites
            .iter_mut()
            .find(|suite| suite.name.as_str() == folder)
        {
            Some(suite) => suite,
            None => {
                suites.push(TestSuite::new(folder));
                suites.last_mut().expect("just pushed")
            }
        };
        suite.add_test_case(case(run));
    }
    report.add_test_suites(suites);
    Ok(report.to_string()?)
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
