//! What a probe has found out.

use crate::ask::target::completed::Line;

/// One thing that a probe has found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// It, in a sentence.
    pub sentence: String,
    /// The lines by which a target file says it, if it can.
    pub lines: Vec<Line>,
}

impl Finding {
    /// Something that a target file has no line for.
    pub fn of(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            lines: Vec::new(),
        }
    }

    /// The same with the line that says it.
    #[must_use]
    pub fn with(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// The same with more lines that say it.
    #[must_use]
    pub fn and(mut self, lines: impl IntoIterator<Item = Line>) -> Self {
        self.lines.extend(lines);
        self
    }
}

/// Names one after the other: `a, b and c`.
pub fn listed(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let last = names.pop().unwrap_or_default();
    match names.is_empty() {
        true => last,
        false => format!("{} and {last}", names.join(", ")),
    }
}
