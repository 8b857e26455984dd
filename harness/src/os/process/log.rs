//! What a process has logged: the end of it, as error messages show it, and where it says that threads have panicked.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
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

/// Where threads have panicked, as Rust's programs say it: each such line with the one behind it, which says why.
pub fn panics(log: &Path) -> std::io::Result<Vec<String>> {
    let mut lines = BufReader::new(File::open(log)?).split(b'\n');
    let mut found = Vec::new();
    while let Some(line) = lines.next().transpose()? {
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.starts_with("thread '") && line.contains(" panicked at ") {
            let why = lines.next().transpose()?.unwrap_or_default();
            found.push(format!("{line} {}", String::from_utf8_lossy(&why)));
        }
    }
    Ok(found)
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
    fn a_panic_is_told_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        let text = "all is well\n\nthread 'io-loop' (21) panicked at src/lib.rs:492:10:\ncannot start\nstack backtrace:\n";
        std::fs::write(&log, text).unwrap();
        let said = "thread 'io-loop' (21) panicked at src/lib.rs:492:10: cannot start";
        assert_eq!(panics(&log).unwrap(), [said]);
        std::fs::write(&log, "an order of thread 'x' that panicked at noon").unwrap();
        assert!(panics(&log).unwrap().is_empty());
    }

    #[test]
    fn says_when_there_is_no_log() {
        assert!(tail(Path::new("/nonexistent/x.log")).contains("cannot read"));
    }
}
