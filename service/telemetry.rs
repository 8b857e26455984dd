//! Log lines: to stderr, for people or for machines.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{LogArgs, LogFormat};

/// Starts logging for the whole process. A line that cannot be written (a full disk, a reader that is gone) is lost, and
/// nothing else.
pub(crate) fn start(log: &LogArgs) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.log))
        .with_writer(stderr)
        .log_internal_errors(false);
    match log.log_format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
