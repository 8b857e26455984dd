//! The bidders: HTTP clients that record what they asked before they ask and what they learned after.

mod answer;
mod follower;
mod pages;
mod shown;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use reqwest::{header::CONTENT_TYPE, redirect};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    history::{Asked, Event, Key, Outcome, Purpose, Recorder},
    judge::auction::{bid::Bid, note::Note},
    run::workload::{STARTING_PRICE, Step},
    system::Api,
};

pub use follower::Followers;

/// How long a client waits before it gives up without knowing. Longer than the service takes to say 503 by itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests under way at once. Whatever would be more is held back, and said to have been.
const AT_ONCE: usize = 512;
/// A request that waited longer than this for a free client was not sent when it was due.
const HELD_BACK: Duration = Duration::from_millis(50);
/// Between two tries to learn what became of a request.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A crowd of bidders, spread over the API's processes. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    http: reqwest::Client,
    apis: Arc<Vec<Api>>,
    recorder: Recorder,
    next_api: Arc<AtomicUsize>,
    next_op: Arc<AtomicU64>,
    places: Arc<Semaphore>,
}

impl Clients {
    /// Bidders that know these processes of the API.
    pub fn new(apis: Vec<Api>, recorder: Recorder) -> Result<Self> {
        anyhow::ensure!(!apis.is_empty(), "there is no process of the API to ask");
        Ok(Self {
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .no_proxy()
                .redirect(redirect::Policy::none())
                .build()?,
            apis: Arc::new(apis),
            recorder,
            next_api: Arc::default(),
            next_op: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Sends every step when it is due, and returns the bids whose fate no client knows. An open loop: a slow answer holds
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
                let (clients, bid) = (self.clone(), step.bid.clone());
                under_way.spawn(async move {
                    let _place = place;
                    let api = clients.any_api();
                    let answer = clients.ask(&bid, api, Purpose::Workload).await;
                    is_open(&answer).then_some(bid)
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
        bid: &Asked,
        api: usize,
        purpose: Purpose,
        deadline: Instant,
    ) -> bool {
        let known = async {
            loop {
                if !is_open(&self.ask(bid, api, purpose).await) {
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

    async fn ask(&self, bid: &Asked, api: usize, purpose: Purpose) -> Outcome {
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        let Api { name, url } = &self.apis[api];
        self.recorder.record(Event::Invoked {
            op,
            asked: bid.clone(),
            via: name.clone(),
            purpose,
        });
        let url = format!("{url}/auctions/{}/bids", bid.key.0);
        let body = serde_json::json!({ "bid_id": bid.id, "user_id": bid.user_id(), "amount": bid.amount() });
        let outcome = match self.http.post(url).json(&body).send().await {
            Ok(response) => hear(bid, response).await,
            Err(error) => Outcome::Unknown {
                status: None,
                reason: root_cause(&error),
            },
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

async fn hear(bid: &Asked, response: reqwest::Response) -> Outcome {
    let status = response.status().as_u16();
    let media_type = response.headers().get(CONTENT_TYPE);
    let media_type = media_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match response.bytes().await {
        Ok(body) => answer::read(bid, status, &media_type.unwrap_or_default(), &body),
        Err(error) => Outcome::Unknown {
            status: Some(status),
            reason: format!("the answer broke off: {}", root_cause(&error)),
        },
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// When an auction closes, as far as a run is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closes {
    /// Long before.
    Before,
    /// So long from now.
    In(Duration),
    /// Long after.
    After,
}

/// Creates an auction straight in the database, around all faults. The HTTP way has no wish for an id, and none for an
/// auction that is closed from the start.
pub async fn create_auction(
    pool: &sqlx::PgPool,
    recorder: &Recorder,
    key: Key,
    closes: Closes,
) -> sqlx::Result<()> {
    const DAY: f64 = 86_400.0;
    let seconds = match closes {
        Closes::Before => -DAY,
        Closes::In(span) => span.as_secs_f64(),
        Closes::After => DAY,
    };
    let closes_at_us: i64 = sqlx::query_scalar(
        "INSERT INTO auctions (auction_id, title, currency, starting_price, closes_at)
         VALUES ($1, 'Lot', 'EUR', $2, clock_timestamp() + $3 * interval '1 s')
         RETURNING (extract(epoch FROM closes_at) * 1000000)::bigint",
    )
    .bind(key.0)
    .bind(STARTING_PRICE)
    .bind(seconds)
    .fetch_one(pool)
    .await?;
    let created = Note::Created {
        key,
        starting_price: STARTING_PRICE,
        closed: closes == Closes::Before,
        closes_at_us: matches!(closes, Closes::In(_)).then_some(closes_at_us),
    };
    recorder.record(created.into());
    Ok(())
}
