//! Reports for machines: asked for on the command line, refused before anything starts if they cannot be written.

use std::path::PathBuf;

use super::{NO_LAB, progress, say, tell};
use crate::{
    judge::summary::RunSummary,
    judge::verdict::Verdict,
    os::terminal::columns,
    report::{self, ReportError},
};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Reports {
    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Reports {
    /// Whether all of them can be written, tried before there is anything to write.
    pub fn can_be_written(&self) -> Result<(), ReportError> {
        let mut files = self.json.iter().chain(&self.junit);
        files.try_for_each(|file| report::can_be_written(file))
    }

    /// Writes the files, prints the table, and says how the process should exit. The files come first: nobody has to read
    /// the table for them to be there.
    pub fn write(&self, summaries: &[RunSummary]) -> u8 {
        let json = self.json.as_ref();
        let json = json.map_or(Ok(()), |file| report::write_json(file, summaries));
        let junit = self.junit.as_ref();
        let junit = junit.map_or(Ok(()), |file| report::write_junit(file, summaries));
        say(report::table(summaries, progress::coloured(), columns()));
        let verdict = Verdict::worst(summaries.iter().map(|summary| summary.verdict)).exit_code();
        let mut code = verdict;
        for problem in [json, junit].into_iter().filter_map(Result::err) {
            tell(format_args!("lab: {problem}"));
            // A verdict that is not a pass says more than a missing file.
            code = if verdict == 0 { NO_LAB } else { verdict };
        }
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_cannot_be_written_is_refused_before_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let asked = |json: &str, junit: &str| Reports {
            json: Some(folder.path().join(json)),
            junit: Some(folder.path().join(junit)),
        };
        asked("a.json", "a.xml").can_be_written().unwrap();
        assert_eq!(
            std::fs::read_dir(&folder).unwrap().count(),
            0,
            "nothing is left of the try"
        );
        let said = |reports: Reports| reports.can_be_written().unwrap_err().to_string();
        assert!(said(asked("", "a.xml")).starts_with("cannot write the report "));
        assert!(said(asked("a.json", "nosuch/a.xml")).contains("nosuch/a.xml"));
    }

    #[test]
    fn what_an_earlier_report_says_stays_until_there_is_a_new_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "earlier").unwrap();
        let reports = Reports {
            json: Some(file.path().to_owned()),
            junit: None,
        };
        reports.can_be_written().unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "earlier");
        assert_eq!(reports.write(&[]), NO_LAB);
        assert_ne!(std::fs::read_to_string(file.path()).unwrap(), "earlier");
    }
}
