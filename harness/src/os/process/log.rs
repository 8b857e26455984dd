//! The end of a server's log, as error messages show it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const TAIL_BYTES: u64 = 8 * 1024;
const TAIL_LINES: usize = 15;

/// The last lines of a log file, indented; says so if there is none.
pub fn tail(log: &Path) -> String {
    let text =
        read_end(log).unwrap_or_else(|error| format!("(cannot read {}: {error})", log.display()));
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return "  (nothing was logged)".to_owned();
    }
    let first = lines.len().saturating_sub(TAIL_LINES);
    lines[first..]
        .iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn read_end(log: &Path) -> std::io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_last_lines_only() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        std::fs::write(
            &log,
            (1..=40).map(|n| format!("line {n}\n")).collect::<String>(),
        )
        .unwrap();
        let tail = tail(&log);
        assert!(
            tail.starts_with("  line 26\n") && tail.ends_with("  line 40"),
            "{tail}"
        );
    }

    #[test]
    fn says_when_there_is_no_log() {
        assert!(tail(Path::new("/nonexistent/x.log")).contains("cannot read"));
    }
}
