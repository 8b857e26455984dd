//! To what runs were shrunk that show a mistake.

use std::{fmt, path::Path};

use super::{ReportError, grid, write};
use crate::explore::shrink::Shrunk;

const HEADS: [&str; 7] = [
    "bug",
    "story",
    "red",
    "faults",
    "operations",
    "again",
    "seconds",
];
/// What is small: so many faults, operations and milliseconds at most.
const SMALL: (usize, usize, u64) = (2, 6, 180_000);
/// So many of a hundred must be small.
const ENOUGH_PERCENT: usize = 80;

/// What is left of a story in which a mistake shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Least {
    bug: String,
    story: String,
    red: String,
    faults: [usize; 2],
    operations: [usize; 2],
    again: String,
    took_ms: u64,
    small: bool,
}

impl Least {
    /// Of a story that was shrunk.
    pub fn of(bug: &str, story: &str, shrunk: &Shrunk) -> Self {
        let (faults, operations, took_ms) = SMALL;
        let is_small = shrunk.faults[1] <= faults
            && shrunk.operations[1] <= operations
            && shrunk.took_ms <= took_ms;
        Self {
            bug: bug.to_owned(),
            story: story.to_owned(),
            red: shrunk.checkers.join(", "),
            faults: shrunk.faults,
            operations: shrunk.operations,
            again: shrunk.unkept().unwrap_or_else(|| shrunk.least.to_string()),
            took_ms: shrunk.took_ms,
            small: is_small && shrunk.unkept().is_none(),
        }
    }

    /// Nothing was shrunk, and why.
    pub fn none(bug: &str, why: String) -> Self {
        Self {
            bug: bug.to_owned(),
            story: String::new(),
            red: why,
            faults: [0; 2],
            operations: [0; 2],
            again: String::new(),
            took_ms: 0,
            small: false,
        }
    }

    fn cells(&self) -> [String; 7] {
        let of = |[before, after]: [usize; 2]| format!("{after} of {before}");
        [
            self.bug.clone(),
            self.story.clone(),
            self.red.clone(),
            of(self.faults),
            of(self.operations),
            self.again.clone(),
            format!("{:.0}", self.took_ms as f64 / 1_000.0),
        ]
    }
}

impl fmt::Display for Least {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.small { "small" } else { "NOT" };
        let [bug, story, red, faults, operations, again, seconds] = self.cells();
        write!(
            f,
            "{sign:8} {bug:28} {seconds:>4} s  {story}: {red}; {faults} faults, {operations} operations; {again}"
        )
    }
}

/// Whether enough of them are small.
pub fn are_small(rows: &[Least]) -> bool {
    let small = rows.iter().filter(|row| row.small).count();
    !rows.is_empty() && small * 100 >= rows.len() * ENOUGH_PERCENT
}

/// As a table for the terminal.
pub fn least(rows: &[Least], columns: Option<u16>) -> String {
    let table = grid::plain(HEADS, rows.iter().map(Least::cells), columns);
    format!("{table}\n{}\n", sum(rows))
}

/// Writes it in Markdown.
///
/// # Errors
/// When the file cannot be written.
pub fn write_least(path: &Path, rows: &[Least]) -> Result<(), ReportError> {
    let table = grid::markdown(HEADS, rows.iter().map(Least::cells), &[0, 1]);
    write(path, &format!("{table}\n{}\n", sum(rows)))
}

fn sum(rows: &[Least]) -> String {
    let (faults, operations, took_ms) = SMALL;
    let small = rows.iter().filter(|row| row.small).count();
    if rows.is_empty() {
        return "no bug was tried".to_owned();
    }
    let median = grid::median(rows.iter().map(|row| row.took_ms as f64 / 1_000.0));
    let median = median.map_or_else(String::new, |median| format!("; median {median:.0} s"));
    format!(
        "{small} of {} with {faults} faults and {operations} operations at most, within {} s{median}",
        rows.len(),
        took_ms / 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(faults: usize, operations: usize, small: bool) -> Least {
        Least {
            faults: [3, faults],
            operations: [120, operations],
            small,
            took_ms: 64_000,
            ..Least::none("auto-ack", "recovery".to_owned())
        }
    }

    #[test]
    fn eight_of_ten_must_be_small() {
        let rows =
            |small: usize| -> Vec<Least> { (0..10).map(|at| row(1, 3, at < small)).collect() };
        assert!(are_small(&rows(8)) && !are_small(&rows(7)) && !are_small(&[]));
    }

    #[test]
    fn the_table_says_what_is_left_of_what() {
        let text = least(&[row(1, 3, true), row(3, 40, false)], None);
        assert!(
            text.contains("1 of 3") && text.contains("40 of 120"),
            "{text}"
        );
        assert!(
            text.contains(
                "1 of 2 with 2 faults and 6 operations at most, within 180 s; median 64 s"
            )
        );
    }

    #[test]
    fn a_bug_that_no_story_shows_is_not_small_and_took_no_time() {
        let none = Least::none("auto-ack", "no story shows it".to_owned());
        let text = least(&[row(1, 3, true), none.clone(), none], None);
        assert!(
            text.contains("1 of 3 with") && text.contains("median 64 s"),
            "{text}"
        );
    }
}
