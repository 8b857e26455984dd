//! What a run shows of a mistake.

use std::{fmt, path::Path};

use crate::{
    ask::zoo::Cage,
    explore::red::red_of,
    judge::{summary::RunSummary, verdict::Verdict},
};

/// What a run shows of a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Who must find it has found it, and nobody else anything that is no consequence of it.
    Caught(Vec<String>),
    /// The run is not red.
    Missed(Verdict),
    /// Red are some who should not be.
    WrongChecker(Vec<String>),
    /// The mistake was never made, so that nothing can be said.
    NeverFired,
    /// The lab could not judge the run.
    Broken(String),
}

impl Outcome {
    /// Of a run in which the mistake was made so often.
    pub fn of(summary: &RunSummary, hits: usize, cage: &Cage) -> Self {
        if summary.verdict == Verdict::Error {
            return Self::Broken(summary.reason.clone());
        }
        if hits == 0 {
            return Self::NeverFired;
        }
        if summary.verdict != Verdict::Fail {
            return Self::Missed(summary.verdict);
        }
        let found = red_of(summary);
        let odd: Vec<String> = found
            .iter()
            .filter(|name| !cage.red.contains(name) && !cage.also.contains(name))
            .cloned()
            .collect();
        match found.iter().any(|name| cage.red.contains(name)) {
            true if odd.is_empty() => Self::Caught(found),
            true => Self::WrongChecker(odd),
            false => Self::WrongChecker(found),
        }
    }

    /// Whether the lab has done what it is for.
    pub fn is_caught(&self) -> bool {
        matches!(self, Self::Caught(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught(checkers) => f.write_str(&checkers.join(", ")),
            Self::Missed(verdict) => write!(f, "MISSED ({verdict})"),
            Self::WrongChecker(checkers) => write!(f, "WRONG CHECKER: {}", checkers.join(", ")),
            Self::NeverFired => f.write_str("NEVER FIRED"),
            Self::Broken(why) => write!(f, "BROKEN: {why}"),
        }
    }
}

/// How often the logs of a run say that a mistake was made.
///
/// # Errors
/// When a log cannot be read.
pub fn hits(folder: &Path, bug: &str) -> std::io::Result<usize> {
    let said = format!("zoo: bug {bug} fired");
    let mut hits = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "log") {
            let log = std::fs::read(&path)?;
            let log = String::from_utf8_lossy(&log);
            hits += log.lines().filter(|line| line.contains(&said)).count();
        }
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{check, proof::story::Story};

    fn cage(red: &[&str], also: &[&str]) -> Cage {
        let text = format!("bug = 'some'\nstories = ['a/b']\nred = {red:?}\nalso = {also:?}");
        toml::from_str(&text).expect("a cage")
    }

    fn summary(story: &Story) -> RunSummary {
        let history = story.history();
        let judged = check::all(&history);
        RunSummary::new(&history, &judged, Path::new("run"), String::new())
    }

    #[test]
    fn a_mistake_is_caught_by_those_who_must_find_it_and_by_nobody_else() {
        let mut lost = Story::clean();
        lost.lose_delivery(3);
        let lost = summary(&lost);
        let by = |hits, red: &[&str]| Outcome::of(&lost, hits, &cage(red, &[]));
        let found = red_of(&lost);
        let names: Vec<&str> = found.iter().map(String::as_str).collect();
        assert!(names.contains(&"loss"), "{names:?}");
        assert_eq!(by(1, &names), Outcome::Caught(found.clone()));
        assert_eq!(by(0, &names), Outcome::NeverFired);
        assert!(
            matches!(by(1, &["loss"]), Outcome::WrongChecker(odd) if !odd.contains(&"loss".to_owned()))
        );
    }

    #[test]
    fn what_only_a_consequence_shows_is_found_by_nobody() {
        let mut lost = Story::clean();
        lost.lose_delivery(3);
        let lost = summary(&lost);
        let found = red_of(&lost);
        let others: Vec<&str> = found
            .iter()
            .map(String::as_str)
            .filter(|name| *name != "loss")
            .collect();
        let with = Outcome::of(&lost, 1, &cage(&["loss"], &others));
        assert_eq!(with, Outcome::Caught(found.clone()));
        let all: Vec<&str> = found.iter().map(String::as_str).collect();
        let alone = Outcome::of(&lost, 1, &cage(&["order"], &all));
        assert_eq!(alone, Outcome::WrongChecker(found));
    }

    #[test]
    fn a_green_run_is_no_catch() {
        let green = summary(&Story::clean());
        let outcome = Outcome::of(&green, 1, &cage(&["loss"], &[]));
        assert_eq!(outcome, Outcome::Missed(Verdict::Pass));
    }

    #[test]
    fn each_line_of_a_log_that_says_so_is_a_hit() {
        let folder = tempfile::tempdir().expect("a folder");
        let line = "zoo: bug auto-ack fired\n";
        std::fs::write(folder.path().join("consumer-1.log"), line.repeat(2)).expect("a log");
        std::fs::write(folder.path().join("history.jsonl"), line).expect("a file");
        assert_eq!(hits(folder.path(), "auto-ack").expect("logs"), 2);
        assert_eq!(hits(folder.path(), "auto").expect("logs"), 0);
    }
}
