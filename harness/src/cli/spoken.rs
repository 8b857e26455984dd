//! What the lab prints. A reader that has gone away, or a disk that is full, ends nothing: files are still written, and
//! the exit code is still the verdict's.

use std::{
    fmt::Display,
    io::{Write, stderr, stdout},
};

/// A line on stdout.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stdout().lock(), "{line}");
}

/// A line on stderr.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{line}");
}
