//! Where a run takes place: the system under test, its servers, the history.

use anyhow::{Context, Result};

use crate::{
    history::{Event, Recorder},
    os::process::log::panics,
    run::own_servers::OwnServers,
    system::System,
};

/// What stands, once a run is arranged.
#[derive(Clone, Copy)]
pub(super) struct Site<'r> {
    pub system: &'r System,
    pub servers: &'r OwnServers,
    pub recorder: &'r Recorder,
}

impl Site<'_> {
    /// Records which processes ended and should not have, or not so.
    pub async fn report_deaths(&self) {
        for member in self.system.members() {
            if let Some(status) = member.death().await {
                self.recorder.record(Event::Died {
                    process: member.name(),
                    status,
                });
            }
        }
    }

    /// Records where threads of the processes have panicked, by their logs: whatever still runs then has lost a part of itself.
    pub fn report_panics(&self) -> Result<()> {
        for member in self.system.members() {
            let log = member.log();
            let panics = panics(log).with_context(|| format!("reading {}", log.display()))?;
            for said in panics {
                self.recorder.record(Event::Panicked {
                    process: member.name(),
                    said,
                });
            }
        }
        Ok(())
    }

    /// Records what the system owed at this moment and did not do.
    pub fn owed(&self, what: String) {
        self.recorder.record(Event::Owed { what });
    }
}
