//! The zoo's table: which mistake was caught by whom, in which story, and after how long.

use std::path::Path;

use super::{ReportError, grid, write};

const HEADS: [&str; 5] = ["bug", "caught by", "story", "seconds", "stays green"];

/// What is known of a mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the program calls it.
    pub bug: String,
    /// The checkers, or what went wrong.
    pub caught_by: String,
    /// In which story.
    pub story: String,
    /// From the run's start to its verdict.
    pub seconds: f64,
    /// The healthy outbox in the same story, or the neighbour; or why it does not.
    pub green: String,
    /// Everything is as it must be.
    pub well: bool,
}

impl Row {
    fn cells(&self) -> [String; 5] {
        let seconds = format!("{:.1}", self.seconds);
        let (bug, by) = (self.bug.clone(), self.caught_by.clone());
        [bug, by, self.story.clone(), seconds, self.green.clone()]
    }
}

/// As a table for the terminal.
pub fn zoo(rows: &[Row], columns: Option<u16>) -> String {
    let table = grid::plain(HEADS, rows.iter().map(Row::cells), columns);
    format!("{table}\n{}\n", sum(rows))
}

/// As a table in Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let table = grid::markdown(HEADS, rows.iter().map(Row::cells), &[0, 2]);
    format!("{table}\n{}\n", sum(rows))
}

/// Writes it in Markdown.
///
/// # Errors
/// When the file cannot be written.
pub fn write_markdown(path: &Path, rows: &[Row]) -> Result<(), ReportError> {
    write(path, &markdown(rows))
}

fn sum(rows: &[Row]) -> String {
    let well = rows.iter().filter(|row| row.well).count();
    if rows.is_empty() {
        return "no bug was tried".to_owned();
    }
    let median = grid::median(rows.iter().map(|row| row.seconds));
    let median = median.map_or_else(String::new, |median| format!("; median {median:.1} s"));
    format!("{well} of {} caught{median}", rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bug: &str, seconds: f64, well: bool) -> Row {
        Row {
            bug: bug.to_owned(),
            caught_by: "loss, marks".to_owned(),
            story: "failure/unroutable".to_owned(),
            seconds,
            green: "healthy".to_owned(),
            well,
        }
    }

    #[test]
    fn each_bug_is_a_line_and_the_sum_tells_how_many_were_caught() {
        let rows = [
            row("no-mandatory", 6.25, true),
            row("nack-is-ack", 9.0, false),
        ];
        let text = markdown(&rows);
        let line = "| `no-mandatory` | loss, marks | `failure/unroutable` | 6.2 | healthy |";
        assert!(text.contains(line), "{text}");
        assert!(text.ends_with("\n1 of 2 caught; median 9.0 s\n"), "{text}");
        assert!(zoo(&rows, Some(100)).contains("no-mandatory"));
    }

    #[test]
    fn nothing_tried_is_nothing_caught() {
        assert!(markdown(&[]).ends_with("no bug was tried\n"));
    }
}
