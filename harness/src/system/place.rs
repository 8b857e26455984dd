//! Where a run keeps its things.

use std::path::PathBuf;

use crate::{ask::id::Run, wire::tap::Audience};

/// Where a run keeps its things.
#[derive(Debug, Clone)]
pub struct Place {
    /// Tells the run's edges from those of the others beside it.
    pub name: String,
    /// What `{{run}}` stands for.
    pub run: Run,
    /// The environment's folder; its mark is on every process.
    pub environment: PathBuf,
    /// Logs and history of this run, and its processes' folders. From the root: processes work elsewhere.
    pub folder: PathBuf,
    /// Who is told what passes on its edges.
    pub told: Option<Audience>,
}

impl Place {
    /// The folder of a process such as `relay 2`.
    pub(super) fn dir_of(&self, process: &str) -> PathBuf {
        self.folder.join(process.replace(' ', "-"))
    }

    /// Its log.
    pub(super) fn log_of(&self, process: &str) -> PathBuf {
        self.folder
            .join(format!("{}.log", process.replace(' ', "-")))
    }
}
