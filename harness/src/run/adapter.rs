//! How the lab deals with a target: what it asks for, what it counts and looks at.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    auction::{follower::Followers, service::AuctionService},
    client::Voice,
    gauge::Counts,
    plan::{Canary, Step},
    reach::Reach,
};
use crate::{
    history::{Recorder, Snapshot},
    system::Api,
};

/// A target, as the lab deals with it.
pub(super) enum Adapter {
    /// The auction service.
    Auction(AuctionService),
}

/// A moment, as a target tells what was there at it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    /// By the database's clock.
    Clock(DateTime<Utc>),
    /// By what was asked for until then.
    #[expect(dead_code, reason = "targets of a file")]
    Asked(BTreeSet<Uuid>),
}

/// Those who read while the run goes on.
pub(super) struct Readers(Option<Followers>);

impl Adapter {
    /// What clients ask for.
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Auction(auction) => &auction.plan.steps,
        }
    }

    /// What asks.
    pub fn voice(&self) -> Voice {
        match self {
            Self::Auction(auction) => Voice::Auction(auction.bidders()),
        }
    }

    /// What is done as the workload begins.
    pub async fn begin(&self, recorder: &Recorder) -> Result<()> {
        match self {
            Self::Auction(auction) => auction.begin(recorder).await,
        }
    }

    /// What must be taken once everything is healed.
    pub fn canaries(&self, apis: &[usize]) -> Vec<Canary> {
        match self {
            Self::Auction(auction) => auction.canaries(apis),
        }
    }

    /// How much there is of what.
    pub async fn count(&self) -> Result<Counts> {
        match self {
            Self::Auction(auction) => auction.count().await,
        }
    }

    /// Now.
    pub async fn mark(&self) -> Result<Mark> {
        match self {
            Self::Auction(auction) => auction.now().await.map(Mark::Clock),
        }
    }

    /// How much of what was there at a moment still waits to be heard of and to take effect. What stands behind an event
    /// that was given up waits for somebody else.
    pub async fn waiting_since(&self, mark: &Mark) -> Result<u64> {
        match (self, mark) {
            (Self::Auction(auction), Mark::Clock(then)) => auction.waiting_since(*then).await,
            (Self::Auction(_), Mark::Asked(asked)) => Ok(asked.len() as u64),
        }
    }

    /// The tables at one instant.
    pub async fn look(&self) -> Result<Snapshot> {
        match self {
            Self::Auction(auction) => auction.look().await,
        }
    }

    /// Sends those who read while the run goes on.
    pub async fn readers(
        &self,
        wanted: u32,
        apis: Vec<Api>,
        recorder: &Recorder,
    ) -> Result<Readers> {
        match self {
            Self::Auction(auction) => {
                let followed = auction.plan.open.iter().take(wanted as usize);
                let followers = Followers::start(followed, apis, recorder).await?;
                Ok(Readers(Some(followers)))
            }
        }
    }

    /// Reads what the API shows once nothing moves, until the deadline.
    pub async fn read(
        &self,
        readers: &mut Readers,
        apis: &[Api],
        reach: &Reach,
        recorder: &Recorder,
        until: Instant,
    ) -> Result<()> {
        match (self, &mut readers.0) {
            (Self::Auction(auction), Some(followers)) => {
                let reached: Vec<&Api> = reach.apis.iter().map(|api| &apis[*api]).collect();
                auction.read(followers, &reached, recorder, until).await
            }
            (Self::Auction(_), None) => Ok(()),
        }
    }
}
