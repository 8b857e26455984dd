//! How a target's messages are heard: a queue of the lab's own on each of its exchanges, or the lab as its queue's only
//! reader, around all faults. What was heard was published.
//!
//! An exchange or a queue that the target itself declares is waited for: until then nothing can be heard, so that a warm-up
//! that was written before is written again.

pub mod address;
pub mod digest;
mod fence;
mod listener;
pub mod message;
pub mod place;
pub mod reading;
mod seen;
mod traced;

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use futures_util::future::{join_all, select_all, try_join_all};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::{
    ask::{
        id::{Id, Run},
        target::Target,
    },
    history::Item,
};
pub use fence::FENCE;
use listener::Listener;
use message::Message;
use place::Place;
use reading::Reading;
pub use traced::{FIREHOSE, traced};

/// What a message says of one operation, or what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// What it is about, or why that is not known.
    pub item: Result<Item, String>,
    /// How many operations the same message is about. More than one is a batch, of which copies may be put together in
    /// another way.
    pub about: u32,
    /// By what consumers tell copies of one event from another, where the target file says where it stands and it does.
    pub dedup: Option<String>,
    /// Equal for equal copies: see [`digest`].
    pub digest: String,
    /// Whether it outlives a restart of the broker.
    pub persistent: bool,
    /// What it was published to; empty for the default exchange.
    pub exchange: String,
    /// By which key.
    pub routing_key: String,
    /// Its AMQP `type`. An operation may have several events, of different types.
    pub message_type: Option<String>,
    /// Set by the broker when it delivers again; what the lab has heard already is left out.
    pub redelivered: bool,
}

/// The lab could not listen for a while. What waited in its queue meanwhile was heard after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where.
    pub place: String,
    /// How the connection was lost.
    pub why: String,
    /// How long that was, in milliseconds.
    pub for_ms: u64,
    /// Why messages may have gone by unheard; none where they waited.
    pub missed: Option<String>,
}

/// What listeners tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// A message came: all that is in it, before what it says of each operation.
    Came(Message),
    /// A message says something of an operation, or is odd.
    Heard(Heard),
    /// The lab's own message came: all that was routed there before it has been heard.
    Fenced {
        /// Where.
        place: String,
    },
    /// Nobody listened for a while.
    Gap(Gap),
}

/// Whoever is told. Called in the order in which messages came to a place, before they are acknowledged.
pub type Sink = Arc<dyn Fn(Noted) + Send + Sync>;

/// Listens at every place that a target file names, until dropped.
pub struct Listeners {
    amqp_url: String,
    all: Vec<Listener>,
}

impl Listeners {
    /// Begins to listen, around all faults. What is declared already is listened to when this returns; for the rest there
    /// is [`ready`](Self::ready).
    pub async fn start(amqp_url: String, target: &Target, run: Run, sink: Sink) -> Self {
        let listeners = target.witnesses.iter().enumerate().map(|(at, witness)| {
            let reading = Reading::new(target.message.clone(), run);
            let place = Place::new(witness.clone(), at);
            Listener::start(amqp_url.clone(), place, reading, sink.clone())
        });
        Self {
            all: join_all(listeners).await,
            amqp_url,
        }
    }

    /// Waits until every place is there and listened to.
    pub async fn ready(&self, within: Duration) -> Result<()> {
        try_join_all(self.all.iter().map(|listener| listener.ready(within)))
            .await
            .map(drop)
    }

    /// Where it listens.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.all.iter().map(|listener| &*listener.place)
    }

    /// Messages so far, all copies.
    pub fn deliveries(&self) -> u64 {
        self.all
            .iter()
            .map(|listener| listener.seen.deliveries())
            .sum()
    }

    /// Operations that were heard of so far.
    pub fn operations(&self) -> u64 {
        let mut known = HashSet::new();
        self.all
            .iter()
            .for_each(|listener| listener.seen.add_to(&mut known));
        known.len() as u64
    }

    /// Whether an operation of this id was heard of.
    pub fn heard(&self, id: Uuid) -> bool {
        self.all.iter().any(|listener| listener.seen.has(id))
    }

    /// Whether an operation was heard of.
    pub fn has(&self, id: Id) -> bool {
        self.heard(id.uuid())
    }

    /// Waits until one of these operations is heard of, and says which; none by the deadline.
    pub async fn any_of(&self, ids: &[Id], deadline: Instant) -> Option<Id> {
        let mut changes: Vec<_> = self
            .all
            .iter()
            .map(|listener| listener.seen.changed.subscribe())
            .collect();
        let heard = async {
            loop {
                if let Some(id) = ids.iter().find(|id| self.has(**id)) {
                    return Some(*id);
                }
                let changed = changes.iter_mut().map(|change| Box::pin(change.changed()));
                // A listener lives as long as this value.
                let _ = select_all(changed).await;
            }
        };
        timeout_at(deadline, heard).await.ok().flatten()
    }

    /// Sends the lab's own message through each place, and waits until it has come out everywhere.
    pub async fn fence(&self, within: Duration) -> Result<()> {
        let name = Uuid::now_v7().to_string();
        fence::publish(&self.amqp_url, self.places(), &name).await?;
        let deadline = Instant::now() + within;
        for listener in &self.all {
            let mut changed = listener.seen.changed.subscribe();
            let fenced = changed.wait_for(|_| listener.seen.is_fenced(&name));
            timeout_at(deadline, fenced).await.with_context(|| {
                format!(
                    "the lab's own message did not come out of {} within {within:?}",
                    listener.place
                )
            })??;
        }
        Ok(())
    }

    /// What came, place by place, for whoever waited for something else.
    pub fn told(&self) -> String {
        let told = self
            .all
            .iter()
            .map(|listener| format!("at {}: {}", listener.place, listener.seen.told()));
        told.collect::<Vec<_>>().join("; ")
    }
}
