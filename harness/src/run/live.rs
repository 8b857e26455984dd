//! A run that is watched while it goes on, and in which whoever watches may have a hand.

pub mod hand;
pub(super) mod painter;
pub mod picture;
pub(super) mod played;
mod tally;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    ask::{fault, scenario},
    history::Hearer,
    judge::summary::RunSummary,
    run::{feed::Feed, gauge::Gauge, soak::Window},
};
use hand::Hand;
use picture::{Edge, Judged, Part, Picture, Sample};
use tally::Tally;

/// So many samples are kept; of more, every other one.
const MOST_SAMPLES: usize = 2_400;

/// What is shown of runs, one after the other.
#[derive(Debug)]
pub struct Live {
    tally: Arc<Mutex<Tally>>,
    shown: watch::Sender<Arc<Picture>>,
    past: Mutex<VecDeque<Sample>>,
    looked_at: watch::Sender<bool>,
    /// Whoever may have a hand in it.
    pub hand: Option<Hand>,
}

impl Live {
    /// Shows runs in which such a hand may be had.
    pub fn new(hand: Option<Hand>) -> Self {
        Self {
            tally: Arc::default(),
            shown: watch::Sender::default(),
            past: Mutex::default(),
            looked_at: watch::Sender::default(),
            hand,
        }
    }

    /// What is seen, each time that it is something else.
    pub fn seen(&self) -> watch::Receiver<Arc<Picture>> {
        self.shown.subscribe()
    }

    /// Somebody has begun to look.
    pub fn somebody_looks(&self) {
        self.looked_at.send_replace(true);
    }

    /// Waits until somebody has.
    pub async fn looked_at(&self) {
        // The sender lives as long as this.
        let _ = self.looked_at.subscribe().wait_for(|looked| *looked).await;
    }

    /// What there was so far of the run that is shown.
    pub fn samples(&self) -> Vec<Sample> {
        self.past().iter().copied().collect()
    }

    /// Nothing more comes.
    pub fn over(&self) {
        self.tally().picture.over = true;
        self.repaint();
    }

    /// A run begins.
    pub(super) fn begin(&self, name: &str, story: &str) {
        self.tally().begin(name, story);
        self.past().clear();
        self.repaint();
    }

    /// Hears what is recorded.
    pub(super) fn hearer(&self) -> Hearer {
        let tally = self.tally.clone();
        Box::new(move |entry| lock(&tally).hear(entry))
    }

    /// What is being done.
    pub(super) fn stage(&self, stage: &str) {
        let mut tally = self.tally();
        tally.picture.stage = stage.to_owned();
        tally.picture.open = false;
        drop(tally);
        self.repaint();
    }

    /// Orders are taken from now on.
    pub(super) fn open(&self, rate: u32) {
        let mut tally = self.tally();
        tally.picture.open = true;
        tally.picture.rate = Some(rate);
    }

    /// A fault that is to come, behind those that are known.
    pub(super) fn knows(&self, asked: &scenario::Fault, fault: fault::Fault) {
        self.tally().knows(asked, fault);
    }

    /// Which feeds the target has.
    pub(super) fn feeds(&self, feeds: Vec<Feed>) {
        self.tally().picture.feeds = feeds;
    }

    /// Where one of them is.
    pub fn feed(&self, number: usize) -> Option<Feed> {
        self.tally().picture.feeds.get(number).cloned()
    }

    pub(super) fn follow(&self, id: Uuid) {
        self.tally().follow(id);
    }

    /// What a run was judged to be.
    pub(super) fn judged(&self, summary: &RunSummary) {
        self.verdict(|run, at_ms| Judged::of(summary, run, at_ms));
    }

    /// What all of it until now was judged to be.
    pub(super) fn judged_so_far(&self, window: &Window) {
        self.verdict(|run, at_ms| Judged::until_now(window, run, at_ms));
    }

    fn verdict(&self, judged: impl FnOnce(u32, u64) -> Judged) {
        let mut tally = self.tally();
        let judged = judged(tally.picture.run, tally.picture.at_ms);
        tally.picture.verdicts.push(judged);
        drop(tally);
        self.repaint();
    }

    /// What is known of the run now, and what its faults mean.
    fn known(&self) -> (Picture, Vec<fault::Fault>) {
        let tally = self.tally();
        (tally.picture(), tally.faults.clone())
    }

    /// What only the system itself could tell.
    fn saw(&self, parts: Vec<Part>, edges: Vec<Edge>, gauge: &Gauge) {
        let mut tally = self.tally();
        let picture = &mut tally.picture;
        (picture.parts, picture.edges) = (parts, edges);
        picture.counts.gauged(gauge);
        let sample = Sample {
            at_ms: picture.at_ms,
            counts: picture.counts,
        };
        drop(tally);
        let mut past = self.past();
        past.push_back(sample);
        if past.len() > MOST_SAMPLES {
            let mut nth = 0;
            past.retain(|_| {
                nth += 1;
                nth % 2 == 0
            });
        }
        drop(past);
        self.repaint();
    }

    fn repaint(&self) {
        let picture = self.tally().picture();
        self.shown.send_replace(Arc::new(picture));
    }

    /// Samples are whole, whoever panicked beside them.
    fn past(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }
}

/// A tally is never left half changed: at worst a count lacks one.
fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
