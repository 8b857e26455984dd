//! What is done to the service alone, what was felt of it, and how it is undone.

use anyhow::Result;
use sqlx::PgConnection;

use crate::{
    ask::fault::{Harm, Refused},
    run::own_servers::OwnServers,
};

/// What has been done.
pub(in crate::run) enum Done {
    /// This, as was read back.
    Happened(&'static str),
    /// This, so often.
    Counted(&'static str, u64),
    /// A session that holds locks until it ends.
    Holds(PgConnection),
}

impl OwnServers {
    /// Does some harm.
    pub(in crate::run) async fn harm(&self, harm: Harm) -> Result<Done> {
        Ok(match harm {
            Harm::Usurp => Done::Happened(self.usurp().await?),
            Harm::Spoil => Done::Happened(self.spoil().await?),
            Harm::Lock(what) => Done::Holds(self.lock(what).await?),
            Harm::Nonsense => Done::Counted("nonsense_sent", self.send_nonsense().await?),
            Harm::LimitDeliveries => Done::Happened(self.limit_deliveries().await?),
            Harm::Refuse(what) => Done::Happened(self.refuse(what).await?),
        })
    }

    /// What has been felt of it so far, where the servers tell.
    pub(in crate::run) async fn felt(&self, harm: Harm) -> Result<Option<(&'static str, u64)>> {
        Ok(match harm {
            Harm::Refuse(Refused::Events | Refused::Commits) => {
                Some(("writes_refused", self.refused().await?))
            }
            Harm::LimitDeliveries => Some(("dead_lettered", self.given_up().await?)),
            Harm::Spoil => Some(("events_spoiled", self.spoiled().await?)),
            Harm::Refuse(Refused::Messages) | Harm::Lock(_) | Harm::Nonsense | Harm::Usurp => None,
        })
    }

    /// Undoes it, beside the end of what [`Done::Holds`]; and what the service is then to be told, if anything.
    pub(in crate::run) async fn undo(&self, harm: Harm) -> Result<Option<&'static [&'static str]>> {
        match harm {
            Harm::Usurp => self.usurp_no_more().await?,
            Harm::Refuse(what) => self.refuse_nothing(what).await?,
            Harm::LimitDeliveries => {
                self.unlimit_deliveries().await?;
                return Ok(Some(&["redrive"]));
            }
            Harm::Spoil => {
                self.mend().await?;
                return Ok(Some(&["requeue", "--all"]));
            }
            // What was sent is sent.
            Harm::Lock(_) | Harm::Nonsense => {}
        }
        Ok(None)
    }
}
