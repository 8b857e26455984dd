//! Reports in files: asked for on the command line, refused before anything starts if they cannot be written.

use std::path::{Path, PathBuf};

use super::outbox::written;
use crate::report::{self, Account, ReportError};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Reports {
    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the verdict per story and target as a table in Markdown.
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Write the report as one page for a browser: the verdict, what it rests on, and each run over its time.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Reports {
    /// Whether all of them can be written, tried before there is anything to write.
    pub fn can_be_written(&self) -> Result<(), ReportError> {
        let files = [&self.json, &self.junit, &self.matrix, &self.html];
        let mut files = files.into_iter().flatten();
        files.try_for_each(|file| report::can_be_written(file))
    }

    /// Writes the files, and says whether all of them are there.
    pub fn write(&self, accounts: &[Account]) -> bool {
        type Write = fn(&Path, &[Account]) -> Result<(), ReportError>;
        let asked: [(&Option<PathBuf>, Write); 4] = [
            (&self.json, report::write_json),
            (&self.junit, report::write_junit),
            (&self.matrix, report::write_matrix),
            (&self.html, report::write_html),
        ];
        let mut whole = true;
        for (file, write) in asked {
            whole &= file
                .as_ref()
                .is_none_or(|file| written(write(file, accounts)));
        }
        whole
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
            ..Reports::default()
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
            ..Reports::default()
        };
        reports.can_be_written().unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "earlier");
        assert!(reports.write(&[]));
        assert_ne!(std::fs::read_to_string(file.path()).unwrap(), "earlier");
        let nowhere = Reports {
            matrix: Some("/nosuch/folder/a.md".into()),
            ..Reports::default()
        };
        assert!(!nowhere.write(&[]));
    }
}
