//! What a GitHub workflow is told beside the table, where the lab runs in one.

use std::{ffi::OsString, fs::OpenOptions, io::Write as _, path::PathBuf};

use super::{say, tell};
use crate::report::{self, Account};

/// Annotates the step, and adds to its summary. That the summary cannot be written is said and changes no verdict: it is GitHub's
/// page, and all that is in it stands in the log, too.
pub(super) fn told(accounts: &[Account]) {
    let Some(summary) = asked_for(std::env::var_os) else {
        return;
    };
    let annotations = report::annotations(accounts);
    if !annotations.is_empty() {
        say(annotations.trim_end());
    }
    let Some(file) = summary else { return };
    let added = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&file)
        .and_then(|mut page| page.write_all(report::step_summary(accounts).as_bytes()));
    if let Err(error) = added {
        tell(format_args!(
            "lab: writing GITHUB_STEP_SUMMARY {}: {error}",
            file.display()
        ));
    }
}

/// Nothing outside a workflow; in one, the file of its step's summary, where it has one.
fn asked_for(variable: impl Fn(&'static str) -> Option<OsString>) -> Option<Option<PathBuf>> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let inside = set("GITHUB_ACTIONS")?;
    (inside == "true").then(|| set("GITHUB_STEP_SUMMARY").map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_workflow_is_told() {
        let asked = |variables: &'static [(&str, &str)]| {
            asked_for(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            })
        };
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("GITHUB_ACTIONS", "false")]), None);
        assert_eq!(asked(&[("GITHUB_ACTIONS", "true")]), Some(None));
        assert_eq!(
            asked(&[("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "/page")]),
            Some(Some("/page".into()))
        );
    }
}
