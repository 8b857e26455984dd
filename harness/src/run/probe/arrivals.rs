//! Messages as they come, from whoever tells of them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::facts::{By, Came};
use crate::{
    ask::id::{Id, Run},
    run::{about::About, heard::message::Message},
};

/// All that came. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Arrivals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    run: Run,
    came: Mutex<Vec<Came>>,
    changed: watch::Sender<u64>,
}

impl Arrivals {
    /// Nothing has come.
    pub fn new(run: Run) -> Self {
        Self(Arc::new(Inner {
            run,
            came: Mutex::default(),
            changed: watch::Sender::default(),
        }))
    }

    /// A message comes.
    pub fn take(&self, by: By, message: Message) {
        let pieces = message.pieces();
        let ids = About::of(pieces.iter().map(Vec::as_slice), self.0.run).ids;
        let came = Came {
            by,
            at_us: now_us(),
            ids,
            message,
        };
        self.lock().push(came);
        self.0.changed.send_modify(|changes| *changes += 1);
    }

    /// All so far.
    pub fn all(&self) -> Vec<Came> {
        self.lock().clone()
    }

    /// Whether somebody told of all these operations.
    pub fn has(&self, by: By, ids: &[Id]) -> bool {
        let came = self.lock();
        let about = |id: &Id| {
            came.iter()
                .any(|came| came.by == by && came.ids.contains(id))
        };
        ids.iter().all(about)
    }

    /// Waits until something is so of all that came. False at the deadline.
    pub async fn until(&self, deadline: Instant, is_so: impl Fn(&Self) -> bool) -> bool {
        let mut changed = self.0.changed.subscribe();
        let come = async {
            while !is_so(self) {
                // It is sent from as long as this value lives.
                let _ = changed.changed().await;
            }
        };
        timeout_at(deadline, come).await.is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Came>> {
        self.0.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Microseconds since the Unix epoch, by this machine's clock.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}
