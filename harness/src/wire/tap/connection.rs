//! One connection through a tap, and its part in the counters.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{Wire, dialogue::Dialogue, heard::Heard, message::Messages};
use crate::ask::toxic::Direction;

pub(super) struct Connection<'a> {
    pub wire: &'a Wire,
    pub number: u64,
    pub messages: Mutex<Messages>,
    /// The lab has closed it in the server's place: what the server still says is not passed on.
    pub answered: AtomicBool,
    dialogue: Mutex<Dialogue>,
    /// A byte came back.
    replied: AtomicBool,
    /// One side has ended it, and that was counted.
    over: AtomicBool,
    /// The last bytes were a request.
    waiting: AtomicBool,
    /// Its parts in the counters of the same names.
    in_flight: AtomicU64,
    unconfirmed: AtomicU64,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.waits(false);
        self.moves(0, 0);
        self.is_over();
    }
}

impl<'a> Connection<'a> {
    pub fn new(wire: &'a Wire, number: u64) -> Self {
        Self {
            wire,
            number,
            messages: Mutex::new(Messages::new(wire.dialect, wire.run())),
            answered: AtomicBool::new(false),
            dialogue: Mutex::new(Dialogue::new(wire.dialect)),
            replied: AtomicBool::new(false),
            over: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            in_flight: AtomicU64::new(0),
            unconfirmed: AtomicU64::new(0),
        }
    }

    /// The client leaves, perhaps with a question that it was still waiting for an answer to.
    pub(super) fn gave_up(&self) {
        let dialogue = self.dialogue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = dialogue.asked() {
            self.wire.meters.gave_up(asked.elapsed());
        }
    }

    /// Bytes of the client that go on now, with so many messages that ask. Heard before they are written: an answer may come before the write returns.
    pub(super) fn asks(&self, bytes: &[u8], requests: u64) {
        let now = Instant::now();
        self.hear(|dialogue| dialogue.requests(bytes, requests, now));
        self.wire
            .meters
            .passed(self.number, Direction::Requests, bytes.len(), now);
        self.waits(true);
    }

    /// Bytes of the server that go on now.
    pub(super) fn answers(&self, bytes: &[u8]) {
        let now = Instant::now();
        let heard = self.hear(|dialogue| dialogue.replies(bytes, now));
        self.wire.meters.heard(&heard, now);
        self.wire
            .meters
            .passed(self.number, Direction::Replies, bytes.len(), now);
        self.waits(false);
    }

    fn hear(&self, listen: impl FnOnce(&mut Dialogue) -> Heard) -> Heard {
        let mut dialogue = self.dialogue.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = listen(&mut dialogue);
        self.moves(dialogue.in_flight(), dialogue.unconfirmed());
        self.wire.counts.heard(&heard);
        heard
    }

    fn moves(&self, in_flight: u64, unconfirmed: u64) {
        let counts = &self.wire.counts;
        let pairs = [
            (&self.in_flight, &counts.in_flight, in_flight),
            (&self.unconfirmed, &counts.unconfirmed, unconfirmed),
        ];
        for (own, all, now) in pairs {
            let before = own.swap(now, Relaxed);
            // Wraps where it shrinks, and the sum comes out right.
            all.fetch_add(now.wrapping_sub(before), Relaxed);
        }
    }

    fn waits(&self, waits: bool) {
        match (self.waiting.swap(waits, Relaxed), waits) {
            (false, true) => self.wire.counts.waiting.fetch_add(1, Relaxed),
            (true, false) => self.wire.counts.waiting.fetch_sub(1, Relaxed),
            _ => return,
        };
    }

    pub(super) fn has_replied(&self) {
        // A client that has sent its last word and still listens lives no more.
        let first = !self.over.load(Relaxed) && !self.replied.swap(true, Relaxed);
        if first {
            self.wire.counts.living.fetch_add(1, Relaxed);
        }
    }

    /// One side has ended it. Says whether that is news.
    pub(super) fn is_over(&self) -> bool {
        let news = !self.over.swap(true, Relaxed);
        if news && self.replied.load(Relaxed) {
            self.wire.counts.living.fetch_sub(1, Relaxed);
            self.wire.counts.ended.fetch_add(1, Relaxed);
        }
        news
    }

    /// Counts an end that came from the upstream, unless the client had ended it before.
    pub(super) fn upstream_ended(&self) {
        if !self.is_over() {
            return;
        }
        let count = if self.replied.load(Relaxed) {
            &self.wire.counts.cut
        } else {
            &self.wire.counts.refused
        };
        count.fetch_add(1, Relaxed);
    }
}
