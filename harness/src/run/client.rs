//! The clients: they record what they ask before they ask, and what they have learned after.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    history::{Asked, Event, Outcome, Purpose, Recorder},
    run::{auction::bidders::Bidders, plan::Step},
    system::Api,
};

/// Requests under way at once. Whatever would be more is held back, and said to have been.
const AT_ONCE: usize = 512;
/// A request that waited longer than this for a free client was not sent when it was due.
const HELD_BACK: Duration = Duration::from_millis(50);
/// Between two tries to learn what became of a request.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What asks.
#[derive(Debug, Clone)]
pub enum Voice {
    /// Bids over HTTP.
    Auction(Bidders),
}

/// A crowd of clients, spread over the API's processes. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    voice: Voice,
    apis: Arc<Vec<Api>>,
    recorder: Recorder,
    next_api: Arc<AtomicUsize>,
    next_op: Arc<AtomicU64>,
    places: Arc<Semaphore>,
}

impl Clients {
    /// Clients that know these processes of the API.
    pub fn new(voice: Voice, apis: Vec<Api>, recorder: Recorder) -> Result<Self> {
        anyhow::ensure!(!apis.is_empty(), "there is no process of the API to ask");
        Ok(Self {
            voice,
            apis: Arc::new(apis),
            recorder,
            next_api: Arc::default(),
            next_op: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Sends every step when it is due, and returns the operations whose fate no client knows. An open loop: a slow answer holds
    /// nobody up, until [`AT_ONCE`] clients wait; how many requests were late for that is recorded.
    pub async fn drive(&self, steps: &[Step]) -> Result<Vec<Asked>> {
        let requests = steps.iter().map(|step| u64::from(step.copies)).sum();
        self.recorder.record(Event::Planned { requests });
        let start = Instant::now();
        let mut under_way = JoinSet::new();
        let mut unknown = Vec::new();
        let mut held_back = 0;
        for step in steps {
            let due = start + step.due;
            tokio::time::sleep_until(due).await;
            for _ in 0..step.copies {
                let asked = Instant::now();
                let place = self.places.clone().acquire_owned().await?;
                held_back += u64::from(asked.elapsed() > HELD_BACK);
                let (clients, what) = (self.clone(), step.asked.clone());
                under_way.spawn(async move {
                    let _place = place;
                    let api = clients.any_api();
                    let answer = clients.ask(&what, api, Purpose::Workload).await;
                    is_open(&answer).then_some(what)
                });
            }
            while let Some(done) = under_way.try_join_next() {
                unknown.extend(done.context("a client panicked")?);
            }
        }
        while let Some(done) = under_way.join_next().await {
            unknown.extend(done.context("a client panicked")?);
        }
        self.recorder.record(Event::Driven { held_back });
        Ok(unknown)
    }

    /// Asks one process of the API the same again until its fate is known. False if that did not come to be until
    /// `deadline`.
    pub async fn until_known(
        &self,
        asked: &Asked,
        api: usize,
        purpose: Purpose,
        deadline: Instant,
    ) -> bool {
        let known = async {
            loop {
                if !is_open(&self.ask(asked, api, purpose).await) {
                    return;
                }
                sleep(ASK_AGAIN_AFTER).await;
            }
        };
        timeout_at(deadline, known).await.is_ok()
    }

    /// The processes of the API.
    pub fn apis(&self) -> &[Api] {
        &self.apis
    }

    fn any_api(&self) -> usize {
        self.next_api.fetch_add(1, Ordering::Relaxed) % self.apis.len()
    }

    async fn ask(&self, asked: &Asked, api: usize, purpose: Purpose) -> Outcome {
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        let api = &self.apis[api];
        self.recorder.record(Event::Invoked {
            op,
            asked: asked.clone(),
            via: api.name.clone(),
            purpose,
        });
        let outcome = match &self.voice {
            Voice::Auction(bidders) => bidders.bid(asked, api).await,
        };
        self.recorder.record(Event::Completed {
            op,
            outcome: outcome.clone(),
        });
        outcome
    }
}

/// Whether nobody knows what became of it.
fn is_open(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown { .. } | Outcome::Nonsense { .. })
}
