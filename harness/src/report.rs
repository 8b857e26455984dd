//! What the reader gets: a table for the terminal, and the same for machines.

mod json;
mod junit;
mod summary;
mod table;

pub use json::write_json;
pub use junit::write_junit;
pub use summary::RunSummary;
pub use table::table;

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

fn write(path: &std::path::Path, text: &str) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|source| ReportError::Io {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
