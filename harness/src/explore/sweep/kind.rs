//! Kinds of messages, and who counts them while they pass.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::{Serialize, Serializer};

use crate::{
    ask::wire::{Event, fingerprint},
    run::trail::Ear,
    wire::tap::Passed,
};

/// More kinds than these no sweep comes to the end of.
const MOST: usize = 4_096;
/// Of one kind so many times are kept: what comes more often flows.
const TIMES: usize = 4_096;

/// A kind of message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Kind {
    /// Where it passes, such as `relay -> rabbitmq`.
    pub edge: String,
    /// What it is.
    #[serde(serialize_with = "by_name")]
    pub event: Event,
    /// What tells it from others of its event; empty where nothing does.
    pub fingerprint: String,
}

fn by_name<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(event.name())
}

/// How often a kind passed, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub seen: u64,
    /// Milliseconds since the census began, in their order; the first [`TIMES`].
    pub times: Vec<u64>,
}

/// Counts what passes.
#[derive(Clone)]
pub(super) struct Census {
    began: Instant,
    kinds: Arc<Mutex<BTreeMap<Kind, Tally>>>,
}

impl Census {
    /// Nothing has passed.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            kinds: Arc::default(),
        }
    }

    /// Who is to be told of what passes.
    pub fn ear(&self) -> Ear {
        let census = self.clone();
        Ear::new(move |passed| census.note(passed))
    }

    /// What has passed so far.
    pub fn kinds(&self) -> BTreeMap<Kind, Tally> {
        self.kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, passed: &Passed<'_>) {
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let kind = Kind {
            edge: passed.edge.to_owned(),
            event: passed.seen.event,
            fingerprint: fingerprint(passed.seen.event, &passed.seen.text),
        };
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() == MOST && !kinds.contains_key(&kind) {
            return;
        }
        let tally = kinds.entry(kind).or_default();
        tally.seen += 1;
        if tally.times.len() < TIMES {
            tally.times.push(at);
        }
    }
}
