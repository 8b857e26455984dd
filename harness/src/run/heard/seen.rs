//! What has come to a place: whatever the lab waits for, and tells who asks why nothing came.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use uuid::Uuid;

use super::{Heard, message::Message};
use crate::run::about::excerpt;

/// How many of the last messages are shown.
const LAST: usize = 3;

/// What has come to a place.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Grows with each message.
    pub changed: watch::Sender<u64>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    operations: HashSet<Uuid>,
    deliveries: u64,
    nameless: u64,
    /// Of messages that came, by all that is in them and how they were routed.
    copies: HashSet<(String, String, String)>,
    fences: HashSet<String>,
    last: VecDeque<String>,
}

impl Seen {
    /// Whether a message that the broker repeats is one that came before.
    pub fn came_before(&self, message: &Message, digest: &str) -> bool {
        let (exchange, key) = (message.exchange.clone(), message.routing_key.clone());
        !self
            .lock()
            .copies
            .insert((digest.to_owned(), exchange, key))
    }

    /// Takes up what a message was found to be about.
    pub fn take(&self, message: &Message, heard: &[Heard]) {
        let mut known = self.lock();
        known.deliveries += 1;
        let mut named = false;
        let mut about = Vec::new();
        for one in heard {
            match &one.item {
                Ok(item) => {
                    named = true;
                    known.operations.insert(item.id);
                    about.push(item.id.to_string());
                }
                Err(why) => about.push(why.clone()),
            }
        }
        known.nameless += u64::from(!named);
        if known.last.len() == LAST {
            known.last.pop_front();
        }
        known.last.push_back(format!(
            "routed by {:?}, saying {}: {}",
            message.routing_key,
            excerpt(&message.body),
            about.join("; ")
        ));
        drop(known);
        self.changed.send_modify(|changes| *changes += 1);
    }

    /// Takes up a fence. False if it had come before.
    pub fn fence(&self, name: &str) -> bool {
        let first = self.lock().fences.insert(name.to_owned());
        self.changed.send_modify(|changes| *changes += 1);
        first
    }

    /// Whether a message about this operation came.
    pub fn has(&self, id: Uuid) -> bool {
        self.lock().operations.contains(&id)
    }

    /// Whether that fence came.
    pub fn is_fenced(&self, name: &str) -> bool {
        self.lock().fences.contains(name)
    }

    /// Messages so far.
    pub fn deliveries(&self) -> u64 {
        self.lock().deliveries
    }

    /// Adds the operations that messages were about.
    pub fn add_to(&self, operations: &mut HashSet<Uuid>) {
        operations.extend(self.lock().operations.iter().copied());
    }

    /// What came, for whoever waited for something else.
    pub fn told(&self) -> String {
        let known = self.lock();
        if known.deliveries == 0 {
            return "nothing came".to_owned();
        }
        let last: Vec<&str> = known.last.iter().map(String::as_str).collect();
        format!(
            "{} messages came, {} of them about no operation of this run; the last: {}",
            known.deliveries,
            known.nameless,
            last.join(" | ")
        )
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
