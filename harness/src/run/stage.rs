//! What every stage of a run works on.

use crate::{
    history::{Event, Recorder},
    run::{adapter::Adapter, own_servers::OwnServers, witness::Witness},
    system::System,
};

/// A run's parts, once they stand.
pub(super) struct Stage<'r> {
    pub system: &'r System,
    pub servers: &'r OwnServers,
    pub witness: &'r Witness,
    pub adapter: &'r Adapter,
    pub recorder: &'r Recorder,
}

impl Stage<'_> {
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
}
