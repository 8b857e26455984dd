//! The bidders: HTTP clients that record what they asked before they ask and what they learned after.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{
    history::{BidAsked, Event, Outcome, Recorder},
    workload::{STARTING_PRICE, Step},
};

/// How long a client waits before it gives up without knowing. Longer than the service takes to say 503 by itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests under way at once; more would be a test of this machine's sockets.
const AT_ONCE: usize = 128;

/// A crowd of bidders, spread over the API's processes. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    http: reqwest::Client,
    apis: Arc<Vec<String>>,
    recorder: Recorder,
    next_api: Arc<AtomicUsize>,
    next_op: Arc<AtomicU64>,
    places: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct Placed {
    bid_id: Uuid,
    sequence: i64,
    amount: i64,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

impl Clients {
    /// Bidders that know the API by these base URLs.
    pub fn new(apis: Vec<String>, recorder: Recorder) -> reqwest::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .no_proxy()
                .build()?,
            apis: Arc::new(apis),
            recorder,
            next_api: Arc::default(),
            next_op: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Sends every step when it is due, and returns the bids whose fate no client knows.
    pub async fn drive(&self, steps: &[Step]) -> Vec<BidAsked> {
        let start = Instant::now();
        let mut under_way = JoinSet::new();
        let mut unknown = Vec::new();
        for step in steps {
            tokio::time::sleep_until(start + step.due).await;
            for _ in 0..step.copies {
                let place = self.places.clone().acquire_owned().await;
                let (clients, bid) = (self.clone(), step.bid.clone());
                under_way.spawn(async move {
                    let _place = place;
                    clients.place(bid).await
                });
            }
            while let Some(done) = under_way.try_join_next() {
                unknown.extend(done.ok().flatten());
            }
        }
        while let Some(done) = under_way.join_next().await {
            unknown.extend(done.ok().flatten());
        }
        unknown
    }

    /// Places one bid. Returns it when its fate is unknown.
    pub async fn place(&self, bid: BidAsked) -> Option<BidAsked> {
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        let api = self.next_api.fetch_add(1, Ordering::Relaxed) % self.apis.len();
        self.recorder.record(Event::Invoked {
            op,
            bid: bid.clone(),
        });
        let url = format!("{}/auctions/{}/bids", self.apis[api], bid.auction_id);
        let body = serde_json::json!({ "bid_id": bid.bid_id, "user_id": bid.user_id, "amount": bid.amount });
        let outcome = match self.http.post(url).json(&body).send().await {
            Ok(response) => classify(&bid, response).await,
            Err(error) => Outcome::Unknown {
                status: None,
                reason: root_cause(&error),
            },
        };
        let unknown = matches!(outcome, Outcome::Unknown { .. }).then_some(bid);
        self.recorder.record(Event::Completed { op, outcome });
        unknown
    }
}

async fn classify(bid: &BidAsked, response: reqwest::Response) -> Outcome {
    let status = response.status().as_u16();
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(error) => {
            return Outcome::Unknown {
                status: Some(status),
                reason: format!("the answer broke off: {}", root_cause(&error)),
            };
        }
    };
    let parsed: Result<Outcome, String> = match status {
        200 | 201 => serde_json::from_slice::<Placed>(&body)
            .map_err(|error| error.to_string())
            .and_then(|placed| {
                if placed.bid_id == bid.bid_id {
                    Ok(Outcome::Accepted {
                        status,
                        sequence: placed.sequence,
                        amount: placed.amount,
                    })
                } else {
                    Err(format!("the answer is about bid {}", placed.bid_id))
                }
            }),
        400..=499 => serde_json::from_slice::<Problem>(&body)
            .map(|problem| Outcome::Refused {
                status,
                code: problem.code,
            })
            .map_err(|error| error.to_string()),
        _ => Ok(Outcome::Unknown {
            status: Some(status),
            reason: String::from_utf8_lossy(&body).chars().take(200).collect(),
        }),
    };
    // An answer that makes no sense says nothing, and is not counted as a yes or a no.
    parsed.unwrap_or_else(|problem| Outcome::Unknown {
        status: Some(status),
        reason: format!("the answer makes no sense: {problem}"),
    })
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Creates an auction straight in the database, around all faults. The HTTP way has no wish for an id, and none for an
/// auction that is closed from the start.
pub async fn create_auction(
    pool: &sqlx::PgPool,
    recorder: &Recorder,
    auction_id: Uuid,
    closed: bool,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO auctions (auction_id, title, currency, starting_price, closes_at)
         VALUES ($1, 'Lot', 'EUR', $2, now() + CASE WHEN $3 THEN interval '-1 hour' ELSE interval '1 day' END)",
    )
    .bind(auction_id)
    .bind(STARTING_PRICE)
    .bind(closed)
    .execute(pool)
    .await?;
    recorder.record(Event::Auction {
        auction_id,
        starting_price: STARTING_PRICE,
        closed,
    });
    Ok(())
}
