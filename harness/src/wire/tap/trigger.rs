//! What waits for a message at a tap, and is told of it while the message is held.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::message::Seen;
use crate::ask::wire::{Answer, Deed, Watched};

/// What is done when its message has come.
#[derive(Debug)]
pub enum Act {
    /// To the message.
    Deed(Deed),
    /// By somebody who is told; the message is held until he lets it go.
    Tell(mpsc::Sender<Held>),
    /// Nothing: it is counted, and goes on as if nobody had looked.
    Count,
}

/// A message that is held at a tap. It goes on with the end of this value.
#[derive(Debug)]
pub struct Held {
    /// Whose connection it is on, such as `relay 2`.
    pub process: String,
    /// What it says.
    pub text: String,
    _release: oneshot::Sender<()>,
}

/// A trigger, which may be set at several taps: what it counts, it counts over all of them.
#[derive(Debug)]
pub struct Trigger {
    watched: Watched,
    act: Act,
    counted: Mutex<Counted>,
    struck: watch::Sender<u64>,
    over: CancellationToken,
}

#[derive(Debug, Default)]
struct Counted {
    in_all: u64,
    by_connection: HashMap<(usize, u64), u64>,
}

/// What becomes of a message.
pub(super) enum Fate {
    Deed(Deed, CancellationToken),
    Held(oneshot::Receiver<()>),
}

impl Trigger {
    /// Waits for what is watched for.
    pub fn new(watched: Watched, act: Act) -> Arc<Self> {
        Arc::new(Self {
            watched,
            act,
            counted: Mutex::default(),
            struck: watch::Sender::new(0),
            over: CancellationToken::new(),
        })
    }

    /// How many messages it has struck; changes while they pass.
    pub fn struck(&self) -> watch::Receiver<u64> {
        self.struck.subscribe()
    }

    /// How many it strikes in all.
    pub fn wanted(&self) -> u64 {
        self.watched.times
    }

    /// It strikes no more, and what it has swallowed or stalled ends or goes on.
    pub fn disarm(&self) {
        let _none_strikes = self.counted();
        self.over.cancel();
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_meant(&self, seen: &Seen, simple: bool) -> bool {
        let answerable = !matches!(self.act, Act::Deed(Deed::Answer(Answer::Error(_)))) || simple;
        answerable && self.watched.is_of_kind(seen.event, &seen.text)
    }

    /// Counts the message, and says whether it is one to strike.
    fn strikes(&self, connection: (usize, u64)) -> bool {
        let mut counted = self.counted();
        counted.in_all += 1;
        let own = counted.by_connection.entry(connection).or_default();
        *own += 1;
        let due = match self.watched.per_connection {
            true => *own == self.watched.nth,
            false => counted.in_all >= self.watched.nth,
        };
        // Under the lock, so that no two connections take the last one.
        let strikes =
            due && *self.struck.borrow() < self.watched.times && !self.over.is_cancelled();
        if strikes {
            self.struck.send_modify(|struck| *struck += 1);
        }
        strikes
    }
}

/// The triggers of a tap.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    any: AtomicBool,
    all: Mutex<Vec<Arc<Trigger>>>,
}

/// Where a message passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    /// Tells taps from each other.
    pub tap: usize,
    /// Tells a tap's connections from each other.
    pub connection: u64,
    /// Whose it is.
    pub process: &'a str,
    /// Whether it is a simple query of Postgres'.
    pub simple: bool,
}

impl Triggers {
    pub fn arm(&self, trigger: &Arc<Trigger>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|trigger| !trigger.over.is_cancelled());
        all.push(Arc::clone(trigger));
        self.any.store(true, Relaxed);
    }

    /// The fate of a message, and whether it goes on first. Whichever trigger strikes first has it, and those set later do
    /// not count it.
    pub async fn meet(&self, seen: &Seen, at: At<'_>) -> Option<(Fate, bool)> {
        if !self.any.load(Relaxed) {
            return None;
        }
        let trigger = {
            let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            let meant = all
                .iter()
                .filter(|trigger| trigger.is_meant(seen, at.simple));
            let mut struck = meant.filter(|trigger| trigger.strikes((at.tap, at.connection)));
            let acts = |trigger: &&Arc<Trigger>| !matches!(trigger.act, Act::Count);
            struck.find(acts).cloned()?
        };
        let after = trigger.watched.after;
        match &trigger.act {
            Act::Deed(deed) => Some((Fate::Deed(deed.clone(), trigger.over.clone()), after)),
            Act::Count => None,
            Act::Tell(to) => {
                let (release, released) = oneshot::channel();
                let held = Held {
                    process: at.process.to_owned(),
                    text: seen.text.clone(),
                    _release: release,
                };
                to.send(held).await.ok()?;
                Some((Fate::Held(released), after))
            }
        }
    }
}
