//! What the commands have in common that put one outbox through something: whom, from which seed, on what, and where it is told.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;

use super::{
    NO_LAB, Runs, Usage, again::Again, installed::installed, named, tell, unless_interrupted,
};
use crate::{
    ask::{
        seed,
        target::{Target, built_in},
    },
    report::{self, ReportError},
    servers::{backend::Wanted, lab::Lab},
};

#[derive(Debug, clap::Args)]
pub(super) struct Outbox {
    /// The outbox that is judged: a target file, or the name of one that is part of the lab.
    #[arg(long, env = "LAB_TARGET", default_value = built_in::OURS, value_name = "FILE|NAME")]
    target: String,
    /// Leave the settings of the target's [laboratory] out.
    #[arg(long)]
    pub as_shipped: bool,
    /// Seeds what is drawn, and the operations of the runs, of each with another number. Chosen and printed if not given.
    #[arg(long, env = seed::VARIABLE)]
    seed: Option<u64>,
    #[command(flatten)]
    pub runs: Runs,
    /// Write all that was found as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    pub servers: Wanted,
}

/// An outbox that can be put through something.
pub(super) struct Ready {
    /// The words by which it is asked for.
    by: String,
    /// At the pace that it will have.
    pub target: Arc<Target>,
    pub seed: u64,
}

impl Outbox {
    /// Refuses whatever could only fail later, installs the outbox, and says the seed. `also` is a file that will be written beside the
    /// JSON.
    pub async fn ready(&self, also: Option<&PathBuf>) -> Result<Ready> {
        let named = named::one(&self.target).map_err(Usage::because)?;
        for file in self.json.iter().chain(also) {
            report::can_be_written(file).map_err(Usage::said)?;
        }
        self.runs.can_be_kept()?;
        unless_interrupted(installed(&named, |line| tell(line))).await?;
        let seed = self.seed.unwrap_or_else(seed::fresh);
        tell(format_args!("seed {seed}"));
        Ok(Ready {
            target: Arc::new(named.target.at_its_pace(self.as_shipped)),
            by: named.by,
            seed,
        })
    }

    /// The command that does it again on the lab that was started.
    pub fn again(&self, ready: &Ready, lab: &Lab) -> Again {
        Again::of(&ready.by, self.as_shipped, lab, &self.servers)
    }

    /// The servers that it runs on; never `auto`.
    pub fn servers(&self, lab: &Lab) -> Wanted {
        Wanted {
            backend: lab.backend(),
            details: self.servers.details.clone(),
        }
    }

    /// Writes the JSON if it was asked for, and says whether all that was asked for is there.
    pub fn told(&self, write: impl FnOnce(&Path) -> Result<(), ReportError>) -> bool {
        self.json.as_deref().is_none_or(|file| written(write(file)))
    }
}

/// Whether a report was written; if not, says why.
pub(super) fn written(written: Result<(), ReportError>) -> bool {
    if let Err(problem) = &written {
        tell(format_args!("lab: {problem}"));
    }
    written.is_ok()
}

/// How the process exits: what is missing of the reports only counts where nothing else is wrong.
pub(super) fn code(code: u8, whole: bool) -> u8 {
    match code {
        0 if !whole => NO_LAB,
        code => code,
    }
}
