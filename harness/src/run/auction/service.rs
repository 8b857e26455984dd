//! The auction service, as a run deals with it.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::time::Instant;

use super::{
    bidders::Bidders,
    canary,
    desk::Desk,
    follower::Followers,
    lots::{self, Closes},
    shares, tables,
    topology::EXCHANGE,
    witness::Witness,
    workload::Plan,
};
use crate::{
    ask::{fault::Role, id::Run, scenario::Scenario},
    history::{Key, Recorder, Snapshot},
    run::{
        feed::Feed, gauge::Gauge, numbers::Numbers, own_servers::OwnServers, plan::Canary,
        site::Site,
    },
    system::{Api, System},
};

/// So many auctions can be looked at while they go on.
const FEEDS: usize = 4;

/// What bidders will do, and where it can be seen what has become of it.
pub struct AuctionService {
    /// What bidders will do.
    pub plan: Plan,
    numbers: Numbers,
    pool: PgPool,
    bidders: Bidders,
    witness: Witness,
}

impl AuctionService {
    /// Creates the auctions that do not close during the run, and begins to listen. `pool` and `amqp_url` connect around all
    /// faults.
    pub async fn prepare(
        scenario: &Scenario,
        seed: u64,
        run: Run,
        pool: PgPool,
        amqp_url: String,
        recorder: &Recorder,
    ) -> Result<Self> {
        let numbers = Numbers::of(run);
        let plan = Plan::of(scenario, seed, &numbers)?;
        for auction in &plan.open {
            lots::create(&pool, recorder, *auction, Closes::After).await?;
        }
        lots::create(&pool, recorder, plan.closed, Closes::Before).await?;
        Ok(Self {
            plan,
            numbers,
            pool,
            bidders: Bidders::new()?,
            witness: Witness::start(amqp_url, EXCHANGE.to_owned(), recorder.clone()).await?,
        })
    }

    /// Waits until every relay has its share of the lanes; what keeps them from it, if they never come to.
    pub async fn ready(&self, servers: &OwnServers, relays: u32) -> Result<Option<String>> {
        shares::not_fair_among(relays, &servers.database_url()).await
    }

    /// The live feeds of the first auctions.
    pub fn feeds(&self, system: &System) -> Vec<Feed> {
        let apis = system
            .members()
            .iter()
            .filter(|member| member.plays(Role::Api));
        let apis: Vec<_> = apis.filter_map(|api| api.http()).collect();
        let auctions = self
            .plan
            .open
            .iter()
            .take(FEEDS)
            .map(|key| Key::numbered(*key).0);
        let feed = |auction| Feed {
            name: format!("auction {auction}"),
            events: ["bid", "gap", "standing"].map(str::to_owned).to_vec(),
            urls: apis
                .iter()
                .map(|api| format!("http://{api}/auctions/{auction}/live"))
                .collect(),
        };
        auctions.map(feed).collect()
    }

    /// Who bids.
    pub fn bidders(&self) -> Bidders {
        self.bidders.clone()
    }

    /// The workload begins: auctions that close during it are created now.
    pub async fn begin(&self, recorder: &Recorder) -> Result<()> {
        for auction in &self.plan.closing {
            let closes = Closes::In(self.plan.closes_after);
            lots::create(&self.pool, recorder, *auction, closes).await?;
        }
        Ok(())
    }

    /// Bids that must be taken once everything is healed.
    pub fn canaries(&self, apis: &[usize]) -> Vec<Canary> {
        canary::flock(&self.plan, &self.numbers, apis)
    }

    /// How much there is of what.
    pub async fn gauge(&self) -> Result<Gauge> {
        let counts = tables::count(&self.pool).await?;
        let (deliveries, messages) = (self.witness.deliveries(), self.witness.messages());
        let received = counts.applied + counts.parked;
        let at_rest = counts.waiting == counts.behind
            && counts.held + counts.open_transactions == 0
            && (counts.parked == 0 || counts.given_up > 0)
            && received >= counts.sent
            && messages >= received.unsigned_abs();
        Ok(Gauge {
            counts,
            deliveries,
            messages,
            at_rest,
        })
    }

    /// Waits until the lab's own last message has come out of the exchange.
    pub(in crate::run) async fn fence(&self, site: Site<'_>, within: Duration) -> Result<()> {
        Desk::open(&site.servers.amqp_url()).await?.fence().await?;
        self.witness.fenced(within).await
    }

    /// The database's clock.
    pub async fn now(&self) -> Result<DateTime<Utc>> {
        Ok(tables::now(&self.pool).await?)
    }

    /// How many bids placed until `then` still wait to be published or applied.
    pub async fn waiting_since(&self, then: DateTime<Utc>) -> Result<u64> {
        let waiting = tables::waiting_since(&self.pool, then).await?;
        Ok(waiting.unsigned_abs())
    }

    /// The tables at one instant.
    pub async fn look(&self) -> Result<Snapshot> {
        Ok(tables::snapshot(&self.pool).await?)
    }

    /// Reads each bid list to its end, and what followers are still to be shown.
    pub async fn read(
        &self,
        followers: &mut Followers,
        apis: &[&Api],
        recorder: &Recorder,
        until: Instant,
    ) -> Result<()> {
        let places = tables::places(&self.pool).await?;
        let closed = Key::numbered(self.plan.closed);
        let auctions: Vec<Key> = self.plan.taking().chain([closed]).collect();
        tokio::join!(
            self.bidders.list(&auctions, apis, recorder, until),
            followers.caught_up(&places, until)
        );
        Ok(())
    }
}
