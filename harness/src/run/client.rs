//! The clients: they record what they ask before they ask, and what they have learned after.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use uuid::Uuid;

use crate::{
    ask::id::Id,
    history::{Asked, Event, Outcome, Purpose, Recorder},
    run::{described::voice::Described, oplog::OpLog, own, plan::Step, write::Ask},
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
    /// Those of the lab's own target, over HTTP.
    Own(own::Clients),
    /// Whatever a file says.
    Described(Described),
}

/// One request.
struct Request {
    asked: Asked,
    /// Which process of the API; none for whoever is next.
    api: Option<usize>,
    purpose: Purpose,
    rolled_back: bool,
    /// The same was asked for before.
    repeat: bool,
}

/// What clients have sent so far.
#[derive(Debug, Default)]
pub struct Load {
    /// How many requests.
    pub sent: u64,
    /// How many of them had to wait for a free client.
    pub held_back: u64,
    /// Those whose fate no client knows.
    pub unknown: Vec<Asked>,
    /// What was asked for.
    known: HashSet<Uuid>,
}

impl Load {
    /// What there is to tell of it, when so many requests were planned.
    pub fn driven(&self, planned: u64) -> Event {
        Event::Driven {
            held_back: self.held_back,
            ended_after: (self.sent < planned).then_some(self.sent),
        }
    }
}

/// Where steps come from, each when it is to be sent.
pub trait Source {
    /// Waits for the next one; none if that was the last.
    fn next(&mut self) -> impl Future<Output = Option<&Step>>;
}

/// Steps at their times.
pub struct Due<'s, E> {
    steps: std::slice::Iter<'s, Step>,
    from: Duration,
    start: Instant,
    enough: Pin<Box<E>>,
}

impl<'s, E: Future<Output = ()>> Due<'s, E> {
    /// Where `from` is now, until it is `enough`.
    pub fn of(steps: &'s [Step], from: Duration, enough: E) -> Self {
        Self {
            steps: steps.iter(),
            from,
            start: Instant::now(),
            enough: Box::pin(enough),
        }
    }
}

impl<E: Future<Output = ()>> Source for Due<'_, E> {
    async fn next(&mut self) -> Option<&Step> {
        let step = self.steps.next()?;
        tokio::select! {
            biased;
            () = &mut self.enough => None,
            () = sleep_until(self.start + step.due.saturating_sub(self.from)) => Some(step),
        }
    }
}

/// How many requests these steps are.
pub fn requests(steps: &[Step]) -> u64 {
    steps.iter().map(|step| u64::from(step.copies)).sum()
}

/// A crowd of clients, spread over the API's processes. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    voice: Voice,
    apis: Arc<Vec<Api>>,
    log: OpLog,
    next_api: Arc<AtomicUsize>,
    places: Arc<Semaphore>,
}

impl Clients {
    /// Clients that know these processes of the API.
    pub fn new(voice: Voice, apis: Vec<Api>, log: OpLog) -> Result<Self> {
        let over_http = matches!(voice, Voice::Own(_));
        anyhow::ensure!(
            !over_http || !apis.is_empty(),
            "there is no process of the API to ask"
        );
        Ok(Self {
            voice,
            apis: Arc::new(apis),
            log,
            next_api: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Sends every step when it is due, until it is `enough`, and returns the operations whose fate no client knows.
    pub async fn drive(
        &self,
        steps: &[Step],
        recorder: &Recorder,
        enough: impl Future<Output = ()>,
    ) -> Result<Vec<Asked>> {
        let requests = requests(steps);
        recorder.record(Event::Planned { requests });
        let mut load = Load::default();
        let due = Due::of(steps, Duration::ZERO, enough);
        self.send(due, &mut load).await?;
        recorder.record(load.driven(requests));
        Ok(load.unknown)
    }

    /// Sends each step when its source gives it, until that has no more. An open loop: a slow answer holds nobody up,
    /// until [`AT_ONCE`] clients wait; how many requests were late for that is counted.
    pub async fn send(&self, mut source: impl Source, load: &mut Load) -> Result<()> {
        let mut under_way = JoinSet::new();
        while let Some(step) = source.next().await {
            load.sent += u64::from(step.copies);
            for _ in 0..step.copies {
                let waits = Instant::now();
                let place = self.places.clone().acquire_owned().await?;
                load.held_back += u64::from(waits.elapsed() > HELD_BACK);
                let asked = step.asked.clone();
                let performed = self.perform(Request {
                    asked: asked.clone(),
                    api: None,
                    purpose: Purpose::Workload,
                    rolled_back: step.rolled_back,
                    repeat: !load.known.insert(asked.id),
                });
                under_way.spawn(async move {
                    let _place = place;
                    performed.await.map(|open| open.then_some(asked))
                });
            }
            while let Some(done) = under_way.try_join_next() {
                load.unknown.extend(done.context("a client panicked")??);
            }
        }
        while let Some(done) = under_way.join_next().await {
            load.unknown.extend(done.context("a client panicked")??);
        }
        Ok(())
    }

    /// Asks one process of the API the same again until its fate is known. False if that did not come to be until
    /// `deadline`. An error is the lab's own.
    pub async fn until_known(
        &self,
        asked: &Asked,
        api: usize,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<bool> {
        let request = |repeat| Request {
            asked: asked.clone(),
            api: Some(api),
            purpose,
            rolled_back: false,
            repeat,
        };
        match &self.voice {
            Voice::Own(_) => {
                let known = async {
                    while self.perform(request(true)).await? {
                        sleep(ASK_AGAIN_AFTER).await;
                    }
                    Ok(())
                };
                // Out of time is no error: it is not known then.
                let known = timeout_at(deadline, known).await;
                known.map_or(Ok(false), |known: Result<()>| known.map(|()| true))
            }
            Voice::Described(described) => {
                let asks_first = purpose != Purpose::Inquiry;
                if asks_first && !self.perform(request(false)).await? {
                    return Ok(true);
                }
                let ask = ask(asked, Some(api), false, true)?;
                described.settle(ask, self.log.clone(), deadline).await
            }
        }
    }

    /// Whether they ask a process of the API; else they are the database's own clients.
    pub fn ask_an_api(&self) -> bool {
        !self.apis.is_empty()
    }

    /// What a process of the API is called.
    pub fn name(&self, api: usize) -> String {
        match self.apis.get(api) {
            Some(api) => api.name.clone(),
            None => "the database".to_owned(),
        }
    }

    fn any_api(&self) -> usize {
        self.next_api.fetch_add(1, Ordering::Relaxed) % self.apis.len()
    }

    /// Asks, when its turn has come, which is drawn by this call. Says whether nobody knows what became of it.
    fn perform(&self, request: Request) -> BoxFuture<'static, Result<bool>> {
        match &self.voice {
            Voice::Own(clients) => {
                let (clients, log) = (clients.clone(), self.log.clone());
                let api = self.apis[request.api.unwrap_or_else(|| self.any_api())].clone();
                Box::pin(async move {
                    let op = log.invoked(&request.asked, &api.name, request.purpose);
                    let outcome = clients.ask(&request.asked, &api).await;
                    let open = is_open(&outcome);
                    log.completed(op, &request.asked, outcome);
                    Ok(open)
                })
            }
            Voice::Described(described) => {
                let Request {
                    asked,
                    api,
                    purpose,
                    rolled_back,
                    repeat,
                } = request;
                match ask(&asked, api, rolled_back, repeat) {
                    Ok(ask) => Box::pin(described.perform(ask, purpose, self.log.clone())),
                    Err(error) => Box::pin(async move { Err(error) }),
                }
            }
        }
    }
}

fn ask(asked: &Asked, api: Option<usize>, rollback: bool, repeat: bool) -> Result<Ask> {
    let id = Id::of(asked.id).with_context(|| format!("{} is no id of the lab's", asked.id))?;
    Ok(Ask {
        id,
        rollback,
        repeat,
        api,
    })
}

/// Whether nobody knows what became of it.
fn is_open(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown { .. } | Outcome::Nonsense { .. })
}
