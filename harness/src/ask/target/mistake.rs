//! What a target file says and cannot mean.

use crate::{ask::spelling::did_you_mean, ask::written::line_of};

/// Something that contradicts itself or something else.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Such as `process.0.ready`.
    pub path: String,
    /// What was found, and what would be right.
    pub problem: String,
}

impl Mistake {
    /// One that is said at `path`.
    pub fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
        }
    }

    /// The same, in a table.
    pub fn within(self, table: &str) -> Self {
        let path = match self.path.as_str() {
            "" => table.to_owned(),
            inside => format!("{table}.{inside}"),
        };
        Self { path, ..self }
    }
}

/// A target file that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {problem}")]
pub struct BadTarget {
    /// The line, from 1, that says it.
    pub line: usize,
    /// What was found there, and what would be right.
    pub problem: String,
}

impl BadTarget {
    /// What the reader of TOML complains of.
    pub(super) fn unread(text: &str, error: &toml::de::Error) -> Self {
        let said = error.message().trim().replace('\n', "; ");
        Self {
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            problem: format!("{said}{}", meant(&said)),
        }
    }
}

/// Of "unknown field `taable`, expected one of `table`, `archive`", what was meant.
fn meant(said: &str) -> String {
    if !said.starts_with("unknown ") {
        return String::new();
    }
    let mut quoted = said.split('`').skip(1).step_by(2);
    let found = quoted.next().unwrap_or_default();
    did_you_mean(found, quoted)
}
