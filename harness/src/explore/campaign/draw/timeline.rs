//! When what is asked for, and in which stretch of a run each phase lies: nothing at first, then a load, then nothing for a while,
//! then one operation that ends it.

use proptest::{prelude::any, sample::Index, strategy::Strategy};

use crate::{
    ask::{
        scenario::{Fault, Operation, Plan},
        target::Target,
    },
    explore::campaign::phase::Phase,
};

/// So long nothing is asked for at first.
const START_MS: u64 = 600;
/// And so long after the load.
const REST_MS: u64 = 1_200;
/// In the rest the load must be over for a while.
const RESTS_AFTER_MS: u64 = 500;
/// A fault that comes in another's recovery comes within so long after its heal.
const RECOVERY_MS: u64 = 1_200;
/// Nobody waits for a run that is slower than this many times itself.
const SLOWEST: u64 = 8;
/// A target that rests for less is not waited for.
const RESTS_MS: u64 = 500;

/// What is asked for, before it is known for how long.
#[derive(Debug, Clone)]
pub(in crate::explore::campaign) struct Load {
    span_ms: u64,
    per_second: u64,
    keys: u16,
    hot_percent: u32,
    copies: u32,
    /// Of each operation: which key, in percent whether it is hot, whether it is asked for again, which.
    picks: Vec<(u16, u32, u32, Index)>,
    again_percent: u32,
}

/// More operations than any drawn load has.
const PICKS: usize = 400;

/// The load of a target, within what it takes.
pub(super) fn load(target: &Target) -> impl Strategy<Value = Load> + use<> {
    let most = u64::from(target.pace.drains.per_second()).clamp(1, 50);
    let again: u32 = if target.write.again { 15 } else { 0 };
    let copies = if target.write.again { 3 } else { 1 };
    let picks =
        proptest::collection::vec((any::<u16>(), 0..100u32, 0..100u32, any::<Index>()), PICKS);
    let spread = (1..=8u16, 0..=70u32, 0..=again, 0..10u32);
    (700..=2_000u64, (most.min(10))..=most, spread, picks).prop_map(
        move |(span_ms, per_second, (keys, hot_percent, again_percent, often), picks)| Load {
            span_ms,
            per_second,
            keys,
            hot_percent,
            copies: if often == 0 { copies } else { 1 },
            picks,
            again_percent,
        },
    )
}

/// The stretches of a run.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    /// Everything takes so many times as long: the target rests between its batches.
    slow: u64,
    load_ends_ms: u64,
    last_ms: u64,
}

impl Timeline {
    /// Of a load.
    pub fn of(load: &Load, target: &Target) -> Self {
        let rests = target.pace.rests.map_or(0, |rests| rests.get().as_millis());
        let rests = u64::try_from(rests).unwrap_or(u64::MAX);
        let slow = rests.div_ceil(RESTS_MS).clamp(1, SLOWEST);
        let load_ends_ms = (START_MS + load.span_ms) * slow;
        Self {
            slow,
            load_ends_ms,
            last_ms: load_ends_ms + REST_MS * slow,
        }
    }

    /// So long, at the target's own pace.
    pub fn slowly(&self, ms: u64) -> u64 {
        ms * self.slow
    }

    /// A moment in a phase, so many thousandths of it in; and the phase, which is another where there is nothing else to be
    /// broken. For what comes in another's outage or recovery the load goes on, a second of its time at most.
    pub fn moment(
        &mut self,
        phase: Phase,
        within: u64,
        others: &[Fault],
        lasts_ms: u64,
    ) -> (u64, Phase) {
        let first = others.iter().find_map(|other| {
            let ms = |text: &Option<String>| humantime::parse_duration(text.as_deref()?).ok();
            let (at, lasts) = (ms(&other.at)?, ms(&other.lasts)?);
            Some((at.as_millis() as u64, lasts.as_millis() as u64))
        });
        let slow = self.slow;
        let (from, span, phase) = match (phase, first) {
            (Phase::Start, _) => (60 * slow, (START_MS - 120) * slow, phase),
            (Phase::Rest, _) => {
                let from = self.load_ends_ms + RESTS_AFTER_MS * slow;
                (from, self.last_ms - from - 100, phase)
            }
            (Phase::Outage, Some((at, lasts))) => (at + lasts / 8, lasts * 3 / 4, phase),
            (Phase::Recovery, Some((at, lasts))) => (at + lasts + 60, RECOVERY_MS * slow, phase),
            _ => {
                let from = START_MS * slow + 100;
                (from, self.load_ends_ms - from, Phase::Load)
            }
        };
        let at = from + span * within / 1_000;
        if matches!(phase, Phase::Outage | Phase::Recovery) {
            // The load goes on meanwhile.
            let over = at + lasts_ms.min(1_000) * slow;
            self.load_ends_ms = self.load_ends_ms.max(over);
            self.last_ms = self.last_ms.max(self.load_ends_ms + REST_MS * slow);
        }
        (at, phase)
    }

    /// The operations, one by one.
    pub fn plan(&self, load: &Load) -> Plan {
        let gap_ms = (1_000 * self.slow).div_ceil(load.per_second);
        let start = START_MS * self.slow;
        let times = (0..PICKS as u64 - 1).map(|at| start + at * gap_ms);
        let times = times
            .take_while(|at| *at < self.load_ends_ms)
            .chain([self.last_ms]);
        let mut next: Vec<u32> = vec![0; usize::from(load.keys)];
        let mut operations: Vec<Operation> = Vec::new();
        for (at_ms, (key, hot, again, which)) in times.zip(&load.picks) {
            if *again < load.again_percent && !operations.is_empty() {
                let earlier = which.get(&operations).clone();
                operations.push(Operation { at_ms, ..earlier });
                continue;
            }
            let key = match *hot < load.hot_percent {
                true => 0,
                false => key % load.keys,
            };
            let number = &mut next[usize::from(key)];
            *number += 1;
            operations.push(Operation {
                copies: load.copies,
                ..Operation::at(at_ms, key, *number)
            });
        }
        Plan {
            operations,
            own: None,
        }
    }
}
