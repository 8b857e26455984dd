//! What the terminal is like, and a progress bar for long work that is done before runs begin.

use std::{borrow::Cow, ffi::OsString, io::IsTerminal, os::fd::AsFd};

use console::truncate_str;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr where it is a terminal; elsewhere the lines that were said must do.
pub(crate) fn bar(length: u64, template: &str) -> ProgressBar {
    if !watched() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

/// How many columns the terminal has that stdout goes to, if it goes to one.
pub(crate) fn columns() -> Option<u16> {
    columns_of(std::io::stdout())
}

/// A line of progress, no longer than the terminal is wide that stderr goes to; whole on one that is narrower than `least`.
pub(crate) fn fitted(line: &str, least: u16) -> Cow<'_, str> {
    fit(
        line,
        columns_of(std::io::stderr()).filter(|columns| *columns >= least),
    )
}

fn columns_of(stream: impl AsFd) -> Option<u16> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(stream)?;
    Some(columns)
}

fn fit(line: &str, columns: Option<u16>) -> Cow<'_, str> {
    match columns {
        Some(columns) => truncate_str(line, columns.into(), "…"),
        None => line.into(),
    }
}

/// Whether somebody watches stderr on a terminal that can redraw a line. A build server's log is none.
pub(crate) fn watched() -> bool {
    let variable = |name| std::env::var_os(name);
    std::io::stderr().is_terminal() && variable("CI").is_none() && takes_codes(variable)
}

/// Whether a terminal takes control codes, by what its variables say: one that is dumb does not, and whoever wants no
/// colour wants plain lines.
pub(crate) fn takes_codes(variable: impl Fn(&'static str) -> Option<OsString>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_or_one_without_colour_gets_plain_lines() {
        let takes = |variables: &'static [(&str, &str)]| {
            takes_codes(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            })
        };
        assert!(takes(&[("TERM", "xterm-256color")]));
        assert!(takes(&[("NO_COLOR", "")]), "empty means unset");
        assert!(!takes(&[("TERM", "dumb")]));
        assert!(!takes(&[("TERM", "xterm"), ("NO_COLOR", "1")]));
    }

    #[test]
    fn a_line_is_cut_to_the_terminal_and_whole_in_a_log() {
        let line = "pass  recovery/broker_back  naïve 12";
        assert_eq!(fit(line, Some(10)), "pass  rec…");
        assert_eq!(fit(line, Some(36)), line);
        assert_eq!(fit(line, None), line);
    }
}
