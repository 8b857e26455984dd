//! Reads a history file back.

use std::path::{Path, PathBuf};

use super::{Entry, FORMAT, History, format};

/// Why a history file cannot be judged at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing is there of what a run leaves.
    #[error(
        "{0} is no run's folder: it has no history.jsonl; `lab run --keep` keeps one, and prints where"
    )]
    NoRun(PathBuf),
    /// The file is not there, or cannot be read.
    #[error("cannot read the history {path}: {source}")]
    Io {
        /// The history file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A lab of another format wrote it.
    #[error(
        "{path} is written in format {format} by lab {lab}; this lab, {this}, reads format {FORMAT} only: judge it with that one",
        this = env!("CARGO_PKG_VERSION")
    )]
    Format {
        /// The history file.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// The version that wrote it.
        lab: String,
    },
    /// A line, not the last one, is no entry.
    #[error("{path}:{line}: not an entry of a history: {source}")]
    Malformed {
        /// The history file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads a history. A torn last line or a missing [`super::Event::Ended`] is no error here: the lab was killed, what
/// it saw is worth reading, and [`History::cut_short`] keeps the judge from ever passing it.
pub fn read(path: &Path) -> Result<History, ReadError> {
    let text = std::fs::read(path).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// What [`read`] does, on bytes; `path` only names them in errors.
pub fn parse(path: &Path, text: &[u8]) -> Result<History, ReadError> {
    let first = text.split(|byte| *byte == b'\n').next();
    if let Some((format, lab)) = first.and_then(format::other) {
        let path = path.to_owned();
        return Err(ReadError::Format { path, format, lab });
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut torn = None;
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line_number = index + 1;
        match serde_json::from_slice(line) {
            Ok(entry) => entries.push(entry),
            // Only the last line can lack its end, and only because the writer was stopped in the middle of it.
            Err(_) if !line.ends_with(b"\n") => torn = Some(format!("line {line_number} is torn")),
            Err(source) => {
                return Err(ReadError::Malformed {
                    path: path.to_owned(),
                    line: line_number,
                    source,
                });
            }
        }
    }
    Ok(History::new(entries, torn))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<History, ReadError> {
        super::parse(Path::new("run/history.jsonl"), text.as_bytes())
    }

    #[test]
    fn names_the_file_and_the_line_of_a_malformed_entry() {
        let error =
            parse("{\"at_us\":1,\"kind\":\"healed\"}\n{\"at_us\":2,\"kind\":\"nonsense\"}\n")
                .expect_err("the second line is wrong")
                .to_string();
        assert!(
            error.starts_with("run/history.jsonl:2: not an entry"),
            "{error}"
        );
    }

    #[test]
    fn a_torn_last_line_is_cut_short() {
        let history =
            parse("{\"at_us\":1,\"kind\":\"healed\"}\n{\"at_us\":2,\"ki").expect("a history");
        assert_eq!(history.entries().len(), 1);
        assert_eq!(history.cut_short(), Some("line 2 is torn"));
    }

    #[test]
    fn a_history_of_another_format_is_refused_with_its_labs_version_whatever_else_is_in_it() {
        let later = "{\"at_us\":1,\"kind\":\"begun\",\"format\":99,\"lab\":\"7.1.0\",\"moon\":\"full\"}\n{\"at_us\":2,\"kind\":\"eclipse\"}\n";
        let error = parse(later).expect_err("unknown").to_string();
        assert!(
            error.starts_with("run/history.jsonl is written in format 99 by lab 7.1.0; this lab"),
            "{error}"
        );
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let delivery = crate::history::Delivery {
            dedup: Some("7".to_owned()),
            redelivered: false,
            item: Err("no id".to_owned()),
            event_kind: "shop.events placed".to_owned(),
            digest: "00".to_owned(),
            persistent: true,
            flaws: Vec::new(),
        };
        let entry = Entry {
            at_us: 1,
            event: crate::history::Event::Delivered(delivery),
        };
        let line = serde_json::to_string(&entry).expect("JSON") + "\n";
        assert_eq!(parse(&line).expect("a history").entries(), [entry]);
    }

    #[test]
    fn without_its_end_it_is_cut_short() {
        let history = parse("{\"at_us\":1,\"kind\":\"healed\"}\n").expect("a history");
        assert_eq!(history.cut_short(), Some("the last entry is not `ended`"));
        assert!(parse("").expect("a history").cut_short().is_some());
    }
}
