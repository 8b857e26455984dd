//! The doorbell: an idle relay says so in its row and is notified by the next writer to one of its lanes. Polling covers
//! every race, so nothing here is needed for correctness.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use uuid::Uuid;

use super::{STATEMENT_WITHIN, lease::Lease};
use crate::{
    backoff::Backoff,
    database::{Database, DatabaseError},
    outbox::{self, lanes},
};

/// Whether a relay wants to be rung, and the ring.
pub(super) struct Doorbell {
    relay: Uuid,
    database: Database,
    lease: Arc<Lease>,
    wanted: AtomicBool,
    bell: Notify,
}

impl Doorbell {
    /// Of a relay that owns what `lease` says.
    pub fn new(relay: Uuid, database: Database, lease: Arc<Lease>) -> Self {
        Self {
            relay,
            database,
            lease,
            wanted: AtomicBool::default(),
            bell: Notify::default(),
        }
    }

    /// Whether writers have been asked to ring.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(SeqCst)
    }

    /// Wakes the relay up.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Waits for a ring, at most `poll`.
    pub async fn rung(&self, poll: Duration) {
        // Nobody rang: the poll.
        let _ = timeout(poll, self.bell.notified()).await;
    }

    /// Says in the relay's row whether writers should ring. A look at the table must follow a change to `true`.
    pub async fn want(&self, wanted: bool) -> Result<(), DatabaseError> {
        if self.wanted.swap(wanted, SeqCst) == wanted {
            return Ok(());
        }
        let said = self
            .database
            .within(STATEMENT_WITHIN, async |conn| {
                Ok(lanes::want_ring(conn, self.relay, wanted).await?)
            })
            .await;
        if said.is_err() {
            self.wanted.store(!wanted, SeqCst);
        }
        said
    }

    /// Listens until `over`. Every gap in listening ends with a ring: something may have been missed.
    pub async fn listen(&self, over: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while !over.is_cancelled() {
            tokio::select! {
                error = self.listen_once(&mut backoff) => debug!(%error, "doorbell out of order; polling goes on"),
                () = over.cancelled() => return,
            }
            backoff.pause(over).await;
        }
    }

    async fn listen_once(&self, backoff: &mut Backoff) -> DatabaseError {
        let connect = async {
            let mut listener = self.database.listener().await?;
            listener.listen(outbox::DOORBELL).await?;
            Ok::<_, DatabaseError>(listener)
        };
        let mut listener = match timeout(STATEMENT_WITHIN, connect).await {
            Ok(Ok(listener)) => listener,
            Ok(Err(error)) => return error,
            Err(_) => return DatabaseError::TimedOut,
        };
        backoff.reset();
        self.ring();
        loop {
            match listener.try_recv().await {
                // Another relay's lane. What cannot be read may be ours.
                Ok(Some(ring))
                    if ring
                        .payload()
                        .parse()
                        .is_ok_and(|lane| !self.lease.covers(lane)) => {}
                // A notification, or a reconnection that may have missed one.
                Ok(_) => self.ring(),
                Err(error) => return error.into(),
            }
        }
    }
}
