//! What a fault has measured on an edge for as long as it is in place: which answers came late, which bytes came too fast.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::heard::Heard;
use crate::ask::toxic::Direction;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// Answers that came no sooner than this after their question, and messages sent unasked that came no sooner than
    /// this after the measuring began: what came sooner was under way already.
    Delay(Duration),
    /// At so many bytes a second on each connection and way: bytes of the client that came while earlier ones could not
    /// have passed yet, and bytes of the server that came as fast as that for longer than a burst.
    Rate(u64),
}

/// Who waits for longer than this and leaves has met a delay, if one was in force: it was longer than the asker's patience,
/// and shorter than no answer at all.
const PATIENCE: Duration = Duration::from_secs(1);
/// The share of a limit at which it counts as reached.
const FULL: f64 = 0.8;
/// How much of a second's bytes may come at once unnoticed, behind the limit.
const BURST: f64 = 0.05;

/// A measure in progress. It ends with this value.
#[derive(Debug)]
pub struct Meter {
    measure: Measure,
    began: Instant,
    count: AtomicU64,
    /// By connection and way: when it was looked at last, and how many bytes were left then.
    backlogs: Mutex<HashMap<(u64, Direction), (Instant, f64)>>,
}

impl Meter {
    /// How many so far.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    fn passed(&self, connection: u64, way: Direction, bytes: usize, at: Instant) {
        let Measure::Rate(per_second) = self.measure else {
            return;
        };
        // Before the limit all that is too fast is held back. Behind it nothing is too fast: there, what fills most of
        // the limit for a while has been held back.
        let (rate, burst) = match way {
            Direction::Requests => (per_second as f64, 0.0),
            Direction::Replies => (per_second as f64 * FULL, per_second as f64 * BURST),
        };
        let mut backlogs = self.backlogs.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, left) = backlogs.entry((connection, way)).or_insert((at, 0.0));
        *left = (*left - (at - *seen).as_secs_f64() * rate).max(0.0);
        if *left > burst {
            self.count.fetch_add(bytes as u64, Relaxed);
        }
        *left += bytes as f64;
        *seen = at;
    }

    fn gave_up(&self, waited: Duration) {
        if let Measure::Delay(least) = self.measure
            && waited >= PATIENCE.min(least)
            && self.began.elapsed() >= waited
        {
            self.count.fetch_add(1, Relaxed);
        }
    }

    fn heard(&self, heard: &Heard, at: Instant) {
        let Measure::Delay(least) = self.measure else {
            return;
        };
        let late = |took: &&Duration| **took >= least;
        let mut delayed = heard.round_trips.iter().filter(late).count() as u64;
        if at - self.began >= least {
            delayed += heard.deliveries;
        }
        self.count.fetch_add(delayed, Relaxed);
    }
}

/// The meters of an edge.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<Vec<Weak<Meter>>>);

impl Meters {
    pub fn start(&self, measure: Measure) -> Arc<Meter> {
        let meter = Arc::new(Meter {
            measure,
            began: Instant::now(),
            count: AtomicU64::new(0),
            backlogs: Mutex::default(),
        });
        self.with(|meters| meters.push(Arc::downgrade(&meter)));
        meter
    }

    pub fn passed(&self, connection: u64, way: Direction, bytes: usize, at: Instant) {
        self.each(|meter| meter.passed(connection, way, bytes, at));
    }

    pub fn heard(&self, heard: &Heard, at: Instant) {
        self.each(|meter| meter.heard(heard, at));
    }

    /// A client left that had waited so long for an answer.
    pub fn gave_up(&self, waited: Duration) {
        self.each(|meter| meter.gave_up(waited));
    }

    fn each(&self, see: impl Fn(&Meter)) {
        self.with(|meters| {
            meters.retain(|meter| meter.upgrade().inspect(|meter| see(meter)).is_some())
        });
    }

    fn with(&self, work: impl FnOnce(&mut Vec<Weak<Meter>>)) {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn who_leaves_before_a_delayed_answer_has_met_the_delay() {
        let meters = Meters::default();
        let meter = Arc::new(Meter {
            measure: Measure::Delay(ms(12_000)),
            began: Instant::now() - ms(6_000),
            count: AtomicU64::new(0),
            backlogs: Mutex::default(),
        });
        meters.with(|all| all.push(Arc::downgrade(&meter)));
        meters.gave_up(ms(900));
        // It was asked before the delay was in force.
        meters.gave_up(ms(7_000));
        assert_eq!(meter.count(), 0);
        meters.gave_up(ms(5_000));
        assert_eq!(meter.count(), 1);
    }

    #[test]
    fn only_answers_as_late_as_was_asked_for_are_delayed() {
        let meters = Meters::default();
        let meter = meters.start(Measure::Delay(ms(50)));
        let heard = Heard {
            round_trips: vec![ms(49), ms(50), ms(51)],
            deliveries: 4,
            ..Heard::default()
        };
        meters.heard(&heard, meter.began + ms(49));
        assert_eq!(meter.count(), 2);
        meters.heard(&heard, meter.began + ms(50));
        assert_eq!(meter.count(), 8);
    }

    #[test]
    fn bytes_are_held_back_only_where_more_come_than_can_pass() {
        let meters = Meters::default();
        let meter = meters.start(Measure::Rate(1000));
        let at = |millis| meter.began + ms(millis);
        let sent = |connection, bytes, millis| {
            meters.passed(connection, Direction::Requests, bytes, at(millis));
        };
        sent(1, 100, 0);
        sent(2, 100, 0);
        sent(1, 100, 100);
        assert_eq!(meter.count(), 0, "each had passed when the next came");
        sent(1, 70, 150);
        assert_eq!(meter.count(), 70);
    }

    #[test]
    fn replies_are_held_back_where_they_fill_the_limit_for_a_while() {
        let held_back = |bytes| {
            let meters = Meters::default();
            let meter = meters.start(Measure::Rate(1000));
            for tenth in 0..20 {
                let at = meter.began + ms(100 * tenth);
                meters.passed(1, Direction::Replies, bytes, at);
            }
            meter.count()
        };
        assert_eq!(held_back(50), 0, "half the limit");
        assert!(held_back(100) > 0);
    }
}
