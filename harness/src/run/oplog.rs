//! What clients ask and are answered, in the history; and what they were promised so far.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

use crate::history::{Asked, Event, Outcome, Purpose, Recorder};

/// Notes requests in the history. Cheap to clone.
#[derive(Clone)]
pub struct OpLog {
    recorder: Recorder,
    next: Arc<AtomicU64>,
    accepted: Arc<Mutex<BTreeSet<Uuid>>>,
}

impl OpLog {
    /// Into this history.
    pub fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            next: Arc::default(),
            accepted: Arc::default(),
        }
    }

    /// A client is about to ask. Says under which number it is answered.
    pub fn invoked(&self, asked: &Asked, via: &str, purpose: Purpose) -> u64 {
        let op = self.next.fetch_add(1, Ordering::Relaxed);
        self.recorder.record(Event::Invoked {
            op,
            asked: asked.clone(),
            via: via.to_owned(),
            purpose,
        });
        op
    }

    /// It was answered, or gave up.
    pub fn completed(&self, op: u64, asked: &Asked, outcome: Outcome) {
        if matches!(outcome, Outcome::Accepted { .. }) {
            let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
            accepted.insert(asked.id);
        }
        self.recorder.record(Event::Completed { op, outcome });
    }

    /// What clients were told is stored.
    pub fn accepted(&self) -> BTreeSet<Uuid> {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.clone()
    }
}
