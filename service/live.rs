//! The live feeds' alarm clock: one task per process hears which auction moved and wakes the feeds that show it.
//!
//! A wake-up says "look", never what there is to see: feeds read the tables (`standings.rs`), so a doubled or early one
//! does no harm. While nobody listens, they poll; while somebody does, they only look when they are woken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::database::{Database, DatabaseError};
use crate::identity::AuctionId;

/// The channel that the consumer notifies; the payload is the auction's id.
pub const CHANNEL: &str = "bids_applied";

/// The pause before a lost listener is rebuilt.
const REBUILD_PAUSE: Duration = Duration::from_millis(500);
/// How long the silent listener may take to prove that it is not half gone.
const PROOF_DEADLINE: Duration = Duration::from_secs(1);

/// Wakes feeds. Cloning shares it.
#[derive(Clone, Debug)]
pub struct LiveHub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: Database,
    poll: Duration,
    places: Arc<Semaphore>,
    watched: Mutex<HashMap<AuctionId, watch::Sender<()>>>,
    listening: watch::Sender<bool>,
    shutdown: CancellationToken,
}

/// A place among the feeds, woken when its auction moves. Dropping it frees the place.
#[derive(Debug)]
pub struct Subscription {
    auction_id: AuctionId,
    moved: watch::Receiver<()>,
    hub: LiveHub,
    _place: OwnedSemaphorePermit,
}

impl LiveHub {
    /// A hub for at most `max_streams` feeds. They read through `database`, which should be a small pool of its own, so
    /// that many viewers cannot starve the bidders, and look every `poll` while the listener is away.
    pub fn new(
        database: Database,
        max_streams: usize,
        poll: Duration,
        shutdown: CancellationToken,
    ) -> Self {
        let inner = Inner {
            database,
            poll,
            places: Arc::new(Semaphore::new(max_streams)),
            watched: Mutex::default(),
            listening: watch::Sender::new(false),
            shutdown,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Takes a place, if one is free.
    pub fn subscribe(&self, auction_id: AuctionId) -> Option<Subscription> {
        let place = self.inner.places.clone().try_acquire_owned().ok()?;
        let moved = self
            .watched()
            .entry(auction_id)
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        Some(Subscription {
            auction_id,
            moved,
            hub: self.clone(),
            _place: place,
        })
    }

    /// What the feeds read through.
    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    /// Listens until shutdown. While Postgres is away it keeps trying; the feeds poll meanwhile.
    pub async fn run(&self) {
        let shutdown = self.inner.shutdown.clone();
        shutdown.run_until_cancelled(self.listen_for_ever()).await;
    }

    async fn listen_for_ever(&self) {
        loop {
            let lost = self.listen().await.err();
            tracing::warn!(
                error = lost.map(|error| error.to_string()),
                "the live feeds lost their listener and poll"
            );
            self.inner.listening.send_replace(false);
            sleep(REBUILD_PAUSE).await;
        }
    }

    /// Until the connection is lost.
    async fn listen(&self) -> Result<(), DatabaseError> {
        let mut listener = self.inner.database.listener().await?;
        // By itself it would come back without a word, and nobody would look for what was not heard meanwhile.
        listener.eager_reconnect(false);
        bounded(listener.listen(CHANNEL)).await?;
        self.inner.listening.send_replace(true);
        // What happened before LISTEN was not heard.
        self.wake_all();
        loop {
            match timeout(self.inner.poll, listener.try_recv()).await {
                Ok(Ok(Some(heard))) => match AuctionId::try_from(heard.payload().to_owned()) {
                    Ok(auction_id) => self.wake(auction_id),
                    Err(_) => tracing::warn!(payload = heard.payload(), "not an auction id"),
                },
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error.into()),
                // Silence is normal, but so is it from a socket whose other end is gone.
                Err(_) => prove(&mut listener).await?,
            }
        }
    }

    fn wake(&self, auction_id: AuctionId) {
        if let Some(feeds) = self.watched().get(&auction_id) {
            feeds.send_replace(());
        }
    }

    fn wake_all(&self) {
        for feeds in self.watched().values() {
            feeds.send_replace(());
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, HashMap<AuctionId, watch::Sender<()>>> {
        self.inner
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Waits until there may be something new. `false`: the process is stopping.
    pub async fn moved(&mut self) -> bool {
        let hub = self.hub.inner.clone();
        let woken = async {
            let mut listening = hub.listening.subscribe();
            while *listening.borrow_and_update() {
                tokio::select! {
                    _ = self.moved.changed() => return,
                    // The hub outlives its feeds, and with it both senders.
                    _ = listening.changed() => {}
                }
            }
            // An elapsed poll is a reason to look, like a wake-up.
            let _ = timeout(hub.poll, self.moved.changed()).await;
        };
        hub.shutdown.run_until_cancelled(woken).await.is_some()
    }

    /// Waits before another try to read. `false`: the process is stopping.
    pub async fn pause(&self) -> bool {
        let hub = &self.hub.inner;
        let paused = hub.shutdown.run_until_cancelled(sleep(hub.poll));
        paused.await.is_some()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = self.hub.watched();
        // One receiver left: this one.
        if watched
            .get(&self.auction_id)
            .is_some_and(|feeds| feeds.receiver_count() <= 1)
        {
            watched.remove(&self.auction_id);
        }
    }
}

async fn prove(listener: &mut PgListener) -> Result<(), DatabaseError> {
    bounded(async { sqlx::query("SELECT 1").execute(listener).await.map(drop) }).await
}

async fn bounded(step: impl Future<Output = Result<(), sqlx::Error>>) -> Result<(), DatabaseError> {
    match timeout(PROOF_DEADLINE, step).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(DatabaseError::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::DatabaseAddress;

    const SECOND: Duration = Duration::from_secs(1);

    fn hub(max_streams: usize, shutdown: &CancellationToken) -> LiveHub {
        let nowhere =
            DatabaseAddress::read("postgres://nobody@127.0.0.1:1/nothing").expect("a URL");
        let database = Database::connect_lazy(&nowhere, 1, SECOND, SECOND, "test", &[]);
        LiveHub::new(database, max_streams, 60 * SECOND, shutdown.clone())
    }

    #[tokio::test]
    async fn places_are_bounded_and_come_back() {
        let hub = hub(1, &CancellationToken::new());
        let auction_id = AuctionId::generate();
        let first = hub.subscribe(auction_id).expect("the only place");
        assert!(hub.subscribe(auction_id).is_none());
        drop(first);
        assert!(hub.subscribe(auction_id).is_some());
        assert!(hub.watched().is_empty(), "nobody watches, nothing is kept");
    }

    #[tokio::test]
    async fn only_the_feeds_of_the_moved_auction_wake() {
        let hub = hub(2, &CancellationToken::new());
        let (here, there) = (AuctionId::generate(), AuctionId::generate());
        let (mut woken, mut asleep) = (hub.subscribe(here).unwrap(), hub.subscribe(there).unwrap());
        hub.wake(here);
        assert!(timeout(SECOND, woken.moved()).await.expect("woken"));
        assert!(
            timeout(Duration::from_millis(20), asleep.moved())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn feeds_poll_only_while_nobody_listens() {
        let nowhere = hub(1, &CancellationToken::new());
        let inner = Arc::into_inner(nowhere.inner).expect("the only one");
        let poll = Duration::from_millis(20);
        let inner = Arc::new(Inner { poll, ..inner });
        let hub = LiveHub { inner };
        let mut feed = hub.subscribe(AuctionId::generate()).unwrap();
        assert!(timeout(SECOND, feed.moved()).await.expect("polls"));
        hub.inner.listening.send_replace(true);
        assert!(timeout(10 * poll, feed.moved()).await.is_err());
        let mut waits = std::pin::pin!(feed.moved());
        assert!(timeout(poll, waits.as_mut()).await.is_err());
        hub.inner.listening.send_replace(false);
        assert!(timeout(SECOND, waits).await.expect("polls again"));
    }

    #[tokio::test]
    async fn shutdown_ends_the_feeds() {
        let shutdown = CancellationToken::new();
        let hub = hub(1, &shutdown);
        let mut feed = hub.subscribe(AuctionId::generate()).unwrap();
        shutdown.cancel();
        assert!(!timeout(SECOND, feed.moved()).await.expect("ended"));
    }
}
