//! Followers: clients of the live feed that take it up again where they left it, each time through another process.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use eventsource_stream::{Event as Message, EventStreamError, Eventsource};
use futures_util::StreamExt;
use reqwest::{StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use super::{answer, shown::ShownBid};
use crate::{
    history::{Key, Recorder},
    judge::auction::{note::Note, shown::Shown},
    os::causes::Causes,
    system::Api,
};

/// A follower leaves after so many bids and comes back, also where nothing breaks.
const BIDS_A_CONNECTION: usize = 20;
/// Before it comes back.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// A feed that is silent for so long may be a dead connection: it is taken up again.
const PATIENCE: Duration = Duration::from_secs(2);
/// For the first message of each follower's first connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// Everybody who follows a feed in a run. Dropping it ends them.
pub struct Followers {
    /// Up to which place each has been shown its auction.
    shown: Vec<(Key, watch::Receiver<Option<i64>>)>,
    _following: JoinSet<()>,
}

impl Followers {
    /// One for each of `auctions`. Each is connected when this returns, or was waited for.
    pub async fn start(
        auctions: impl Iterator<Item = Key>,
        apis: Vec<Api>,
        recorder: &Recorder,
    ) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build()?;
        let apis = Arc::new(apis);
        let mut followers = Self {
            shown: Vec::new(),
            _following: JoinSet::new(),
        };
        for (number, key) in auctions.enumerate() {
            let (shown, seen) = watch::channel(None);
            followers.shown.push((key, seen));
            let follower = Follower {
                number: number as u64,
                key,
                http: http.clone(),
                apis: apis.clone(),
                recorder: recorder.clone(),
                last_id: None,
                shown,
            };
            followers._following.spawn(follower.follow());
        }
        let connected = Instant::now() + CONNECTED_WITHIN;
        followers.wait_until(connected, |_| 0).await;
        Ok(followers)
    }

    /// Waits until each has been shown its auction up to the place that it has come to, or until the deadline.
    pub async fn caught_up(&mut self, places: &BTreeMap<Key, i64>, deadline: Instant) {
        let place = |auction: &Key| places.get(auction).copied().unwrap_or_default();
        self.wait_until(deadline, place).await;
    }

    async fn wait_until(&mut self, deadline: Instant, place: impl Fn(&Key) -> i64) {
        for (auction, shown) in &mut self.shown {
            let wanted = place(auction);
            let reached = shown.wait_for(|shown| shown.is_some_and(|shown| shown >= wanted));
            _ = timeout_at(deadline, reached).await;
        }
    }
}

struct Follower {
    number: u64,
    key: Key,
    http: reqwest::Client,
    apis: Arc<Vec<Api>>,
    recorder: Recorder,
    /// The id of the last message that had one.
    last_id: Option<i64>,
    shown: watch::Sender<Option<i64>>,
}

impl Follower {
    async fn follow(mut self) {
        for connection in self.number as usize.. {
            let api = connection % self.apis.len();
            if let Err(lost) = self.connect(api).await {
                let lost = Note::FeedLost {
                    follower: self.number,
                    why: Causes(&lost).to_string(),
                };
                self.recorder.record(lost.into());
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// One connection, until enough has been seen, or nothing for long. An error is how it was lost.
    async fn connect(&mut self, api: usize) -> Result<()> {
        let Api { name, url } = &self.apis[api];
        let followed = Note::Followed {
            follower: self.number,
            key: self.key,
            via: name.clone(),
            after: self.last_id,
        };
        self.recorder.record(followed.into());
        let mut request = self.http.get(format!("{url}/auctions/{}/live", self.key.0));
        if let Some(last) = self.last_id {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await?;
        let status = answer.status();
        ensure!(
            status != StatusCode::SERVICE_UNAVAILABLE,
            "answered {status}"
        );
        let media_type = answer.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let feed = answer::is(media_type.unwrap_or_default(), "text/event-stream");
        if let Err(reason) = feed.and_then(|()| success(status)) {
            self.saw(Shown::Nonsense { reason });
            return Ok(());
        }
        let mut messages = answer.bytes_stream().eventsource();
        let mut bids = 0;
        while bids < BIDS_A_CONNECTION {
            let message = match messages.next().await {
                Some(Ok(message)) => message,
                Some(Err(EventStreamError::Transport(silent))) if silent.is_timeout() => break,
                Some(Err(broken)) => return Err(broken.into()),
                None => bail!("it ended"),
            };
            let shown = read(&message).unwrap_or_else(|error| Shown::Nonsense {
                reason: format!("{}: {message:?}", Causes(&error)),
            });
            bids += usize::from(matches!(shown, Shown::Bid(_)));
            if let Ok(id) = message.id.parse() {
                self.last_id = Some(id);
            }
            self.saw(shown);
        }
        Ok(())
    }

    fn saw(&mut self, shown: Shown) {
        let place = match &shown {
            // Whoever comes back is still to be shown what lies before the standing.
            Shown::Standing { last_sequence } if self.shown.borrow().is_none() => {
                Some(*last_sequence)
            }
            Shown::Bid(bid) => Some(bid.n),
            Shown::Gap { until, .. } => Some(*until),
            _ => None,
        };
        let shown = Note::Shown {
            follower: self.number,
            shown,
        };
        self.recorder.record(shown.into());
        if place.is_some() {
            self.shown.send_replace(place);
        }
    }
}

fn success(status: StatusCode) -> Result<(), String> {
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("it was answered {status}")),
    }
}

fn read(message: &Message) -> Result<Shown> {
    #[derive(Deserialize)]
    struct Standing {
        last_sequence: i64,
    }
    #[derive(Deserialize)]
    struct Gap {
        after: i64,
        until: i64,
    }
    let data = &message.data;
    Ok(match message.event.as_str() {
        "standing" => {
            let Standing { last_sequence } = serde_json::from_str(data).context("no standing")?;
            Shown::Standing { last_sequence }
        }
        "bid" => {
            let bid: ShownBid = serde_json::from_str(data).context("no bid")?;
            Shown::Bid(bid.into())
        }
        "gap" => {
            let Gap { after, until } = serde_json::from_str(data).context("no gap")?;
            Shown::Gap { after, until }
        }
        _ => bail!("a message of no kind that a feed has"),
    })
}
