//! What the reader gets: a table for the terminal, a page for the browser, and the same for machines.

mod account;
mod diff;
mod explored;
mod followed;
mod github;
mod grid;
mod html;
mod json;
mod junit;
mod least;
mod left_out;
mod live;
mod matrix;
mod repeats;
pub(crate) mod sequence;
mod shrunk;
mod soaked;
pub mod sweep;
mod table;
mod zoo;

pub use account::{Account, NotRun};
pub use diff::Diff;
pub use explored::{explored, write_explored};
pub use followed::Followed;
pub use github::{annotations, step_summary};
pub use html::write_html;
pub use json::write_json;
pub use junit::write_junit;
pub use least::{Least, are_small, least, write_least};
pub use live::Page as LivePage;
pub use matrix::{matrix, write_matrix};
pub use repeats::Repeats;
pub use shrunk::shrunk;
pub use soaked::{soaked, window, write_soaked};
pub(crate) use table::ROOM_FOR_BITES;
pub use table::table;
pub use zoo::{Row, markdown, write_markdown, zoo};

/// Why a report file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file could not be written.
    #[error("cannot write the report {path}: {source}")]
    Io {
        /// The report file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The JSON could not be made.
    #[error("cannot encode the report: {0}")]
    Json(#[from] serde_json::Error),
    /// The XML could not be made.
    #[error("cannot encode the report: {0}")]
    Junit(#[from] quick_junit::SerializeError),
}

/// Whether a report can be written there, without writing one: what is there stays, and nothing is left of the try.
pub fn can_be_written(path: &std::path::Path) -> Result<(), ReportError> {
    let new = !path.exists();
    let tried = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|_| {
            if new {
                std::fs::remove_file(path)
            } else {
                Ok(())
            }
        });
    tried.map_err(|source| ReportError::Io {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &std::path::Path, text: &str) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|source| ReportError::Io {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
