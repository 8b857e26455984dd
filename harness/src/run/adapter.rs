//! How the lab deals with a target: what it asks for, what it counts and looks at.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    client::Voice,
    described::DescribedTarget,
    feed::Feed,
    gauge::Gauge,
    oplog::OpLog,
    own::{self, DEAD, Desk, meters, rest},
    plan::{Canary, Step},
    reach::Reach,
    site::Site,
};
use crate::{
    ask::scenario::{Keys, Plan, Scenario},
    history::{Key, Recorder, Snapshot},
    system::{Api, System},
};

/// A target, as the lab deals with it.
pub(super) enum Adapter {
    /// The lab's own.
    Own(Box<own::Target>),
    /// One that a file describes.
    Described(Box<DescribedTarget>),
}

/// A moment, as a target tells what was there at it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    /// By the database's clock.
    Clock(DateTime<Utc>),
    /// By what was asked for until then.
    Asked(BTreeSet<Uuid>),
}

/// What is known of a system at rest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rest {
    /// How often the broker had repeated a delivery to its consumer.
    pub redelivered_to_consumer: u64,
}

/// Those who read while the run goes on.
pub(super) struct Readers(Option<own::Readers>);

impl Adapter {
    /// What clients ask for.
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Own(own) => &own.plan.steps,
            Self::Described(target) => &target.steps,
        }
    }

    /// The same, as a plan has it.
    pub fn plan(&self) -> Plan {
        let operations = self.steps().iter().filter_map(Step::operation);
        Plan {
            operations: operations.collect(),
            own: self.keys(),
        }
    }

    /// Keys of which only the lab's own target knows more than a number.
    pub fn keys(&self) -> Option<Keys> {
        match self {
            Self::Own(own) => Some(own.plan.keys()),
            Self::Described(_) => None,
        }
    }

    /// What asks.
    pub fn voice(&self) -> Voice {
        match self {
            Self::Own(own) => Voice::Own(own.bidders()),
            Self::Described(target) => Voice::Described(target.voice()),
        }
    }

    /// Where requests are noted.
    pub fn log(&self, recorder: &Recorder) -> OpLog {
        match self {
            Self::Own(_) => OpLog::new(recorder.clone()),
            Self::Described(target) => target.log(),
        }
    }

    /// What is done as the workload begins.
    pub async fn begin(&self, recorder: &Recorder) -> Result<()> {
        match self {
            Self::Own(own) => own.begin(recorder).await,
            Self::Described(_) => Ok(()),
        }
    }

    /// What must be taken once everything is healed.
    pub fn canaries(&self, apis: &[usize]) -> Vec<Canary> {
        match self {
            Self::Own(own) => own.canaries(apis),
            Self::Described(target) => target.canaries(apis),
        }
    }

    /// How much there is of what, and whether something is still under way.
    pub async fn gauge(&self) -> Result<Gauge> {
        match self {
            Self::Own(own) => own.gauge().await,
            Self::Described(target) => target.gauge().await,
        }
    }

    /// Reads what the processes count themselves, where that is known.
    pub async fn meter(&self, site: Site<'_>, http: &reqwest::Client) {
        match self {
            Self::Own(_) => meters::read(site, http).await,
            Self::Described(_) => {}
        }
    }

    /// Now.
    pub async fn mark(&self) -> Result<Mark> {
        match self {
            Self::Own(own) => own.now().await.map(Mark::Clock),
            Self::Described(target) => Ok(Mark::Asked(target.log().accepted())),
        }
    }

    /// How much of what was there at a moment still waits to be heard of and to take effect. What stands behind an event
    /// that was given up waits for somebody else.
    pub async fn waiting_since(&self, mark: &Mark) -> Result<u64> {
        match (self, mark) {
            (Self::Own(own), Mark::Clock(then)) => own.waiting_since(*then).await,
            (Self::Described(target), Mark::Asked(asked)) => target.waiting_of(asked).await,
            (Self::Own(_), Mark::Asked(_)) | (Self::Described(_), Mark::Clock(_)) => {
                bail!("a mark of another target's")
            }
        }
    }

    /// The tables at one instant.
    pub async fn look(&self) -> Result<Snapshot> {
        match self {
            Self::Own(own) => own.look().await,
            Self::Described(target) => target.look().await,
        }
    }

    /// What the target itself tells whoever follows it.
    pub fn feeds(&self, system: &System) -> Vec<Feed> {
        match self {
            Self::Own(own) => own.feeds(system),
            Self::Described(_) => Vec::new(),
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
            Self::Own(own) => {
                let open = own.plan.open.iter().take(wanted as usize);
                let followed = open.map(|key| Key::numbered(*key));
                let readers = own::Readers::start(followed, apis, recorder).await?;
                Ok(Readers(Some(readers)))
            }
            Self::Described(_) => Ok(Readers(None)),
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
            (Self::Own(own), Some(followers)) => {
                let reached: Vec<&Api> = reach.apis.iter().map(|api| &apis[*api]).collect();
                own.read(followers, &reached, recorder, until).await
            }
            _ => Ok(()),
        }
    }

    /// Ends the system so that nobody is left who could change what the last look sees. Of a run that did not recover
    /// nothing more is owed.
    pub async fn come_to_rest(
        &self,
        site: Site<'_>,
        scenario: &Scenario,
        recovered: bool,
    ) -> Result<Rest> {
        match self {
            Self::Own(_) => {
                let desk = Desk::open(&site.servers.amqp_url()).await?;
                let redelivered = rest::come(site, &desk, scenario, recovered).await?;
                Ok(Rest {
                    redelivered_to_consumer: redelivered,
                })
            }
            Self::Described(target) => {
                target.come_to_rest(site).await;
                Ok(Rest::default())
            }
        }
    }

    /// Waits until the lab's own last message has come out behind everything that was published.
    pub async fn fence(&self, site: Site<'_>, within: Duration) -> Result<()> {
        match self {
            Self::Own(own) => own.fence(site, within).await,
            Self::Described(target) => target.fence(site.recorder, within).await,
        }
    }

    /// Records where threads have panicked. Only the lab's own target promises that none does.
    pub fn report_panics(&self, site: Site<'_>) -> Result<()> {
        match self {
            Self::Own(_) => site.report_panics(),
            Self::Described(_) => Ok(()),
        }
    }

    /// Waits until all that was published so far has been heard, and says nothing of it: what follows is heard, too.
    pub async fn hear_all(&self, within: Duration) -> Result<()> {
        match self {
            // Its rest is not reached before.
            Self::Own(_) => Ok(()),
            Self::Described(target) => target.hear_all(within).await,
        }
    }

    /// How many messages consumers gave up.
    pub async fn dead_letters(&self, site: Site<'_>) -> Result<u64> {
        match self {
            Self::Own(_) => {
                Desk::open(&site.servers.amqp_url())
                    .await?
                    .waiting(DEAD)
                    .await
            }
            Self::Described(_) => Ok(0),
        }
    }
}
